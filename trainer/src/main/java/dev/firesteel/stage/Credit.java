package dev.firesteel.stage;

import dev.firesteel.loss.TokenGroups;
import dev.firesteel.rl.RolloutMeasures;

/**
 * How much each action of a step is to be encouraged.
 *
 * @param advantages of actions
 * @param returns of actions, what values are trained to predict; empty without a value model
 * @param included the actions that are in the loss
 * @param measures of rewards, advantages and values
 * @param kl mean over completions of the sum over actions of log pi - log ref
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record Credit(
    double[] advantages,
    double[] returns,
    TokenGroups included,
    RolloutMeasures measures,
    double kl) {}

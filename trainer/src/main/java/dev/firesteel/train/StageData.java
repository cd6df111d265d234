package dev.firesteel.train;

import dev.firesteel.tokenizer.Tokenizer;

/**
 * What the run loop needs to know of a stage's data.
 *
 * @param tokenizer that is saved with the model
 * @param sha256 stands for all of the data: a resume must have the same
 * @param tokensPerStep tokens of a global batch, the same in every step
 * @param trainingTokens tokens of the training data; 0 where they are not known
 * @param validationTokens targets of one evaluation; 0 where there is no validation data
 */
public record StageData(
    Tokenizer tokenizer,
    String sha256,
    long tokensPerStep,
    long trainingTokens,
    long validationTokens) {}

package dev.firesteel.backend;

/**
 * The scalars of one AdamW update (Loshchilov and Hutter 2019, algorithm 2), the same for all
 * elements of a range.
 *
 * @param learningRate this step's learning rate, after the schedule
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to {@code sqrt(vHat)}
 * @param weightDecay decoupled decay; 0 for norms and biases
 * @param step number of this update, from 1: the bias corrections are {@code 1 - beta^step}
 * @param gradientScale factor on the gradient (clipping)
 */
public record AdamWStep(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    long step,
    double gradientScale) {}

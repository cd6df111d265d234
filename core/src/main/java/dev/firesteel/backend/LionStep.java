package dev.firesteel.backend;

/**
 * The scalars of one Lion update (Chen et al. 2023, algorithm 2), the same for all elements of a
 * range.
 *
 * @param learningRate this step's learning rate, after the schedule
 * @param beta1 weight of the momentum in the update's direction
 * @param beta2 decay of the momentum
 * @param weightDecay decoupled decay; 0 for norms and biases
 * @param gradientScale factor on the gradient (clipping)
 */
public record LionStep(
    double learningRate, double beta1, double beta2, double weightDecay, double gradientScale) {}

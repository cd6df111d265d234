package dev.firesteel.config;

/** Section {@code optimizer}: AdamW (Loshchilov and Hutter 2019). */
public record OptimizerConfig(
    @Setting(byDefault = "1e-3", meaning = "Peak learning rate of the schedule.")
        double learningRate,
    @Setting(byDefault = "0.9", meaning = "Decay rate of the first moment.") double beta1,
    @Setting(byDefault = "0.95", meaning = "Decay rate of the second moment.") double beta2,
    @Setting(byDefault = "1e-8", meaning = "Added to the square root of the second moment.")
        double epsilon,
    @Setting(
            byDefault = "0.1",
            meaning = "Decoupled weight decay, applied to parameters of rank 2 or higher.")
        double weightDecay) {

  public OptimizerConfig {
    Require.positive("optimizer.learning_rate", learningRate);
    Require.fraction("optimizer.beta1", beta1);
    Require.fraction("optimizer.beta2", beta2);
    Require.positive("optimizer.epsilon", epsilon);
    Require.notNegative("optimizer.weight_decay", weightDecay);
  }
}

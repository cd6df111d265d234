package dev.firesteel.plan;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Recompute;

/**
 * Floating-point operations of training, an addition and a multiplication counted as two. Per
 * token, with P weights in matmuls (including the head but not embedding lookups), L layers, H
 * heads of width K, and T tokens in a sequence:
 *
 * <pre>forward and backward = 6 P + 12 L H K (T + 1) / 2</pre>
 *
 * <p>The second term is the score and value matmuls of causal attention, where a token attends to
 * (T + 1) / 2 keys on average. Norms, activations and the optimizer are not counted.
 *
 * <p>Of the 6 P, 2 P are the forward pass, 2 P the gradients of activations and 2 P those of the
 * weights. Frozen weights have none of the last: with A weights of adapters beside them, a token
 * takes {@code 4 P + 6 A} and attention.
 *
 * @param formula formula of {@code perToken}, for display
 * @param productWeights P
 * @param perToken operations per token, forward and backward, as above
 * @param recomputedPerToken what {@code compute.recompute} adds
 * @param perStep operations of all tokens of a step, including recomputation
 * @param numbersPerToken numbers that a forward pass produces per token: activations and logits
 */
public record FlopPlan(
    String formula,
    long productWeights,
    double perToken,
    double recomputedPerToken,
    double perStep,
    long numbersPerToken) {

  private static final String FORMULA =
      "6 x weights in matmuls + 12 x layers x heads x head width x (sequence length + 1) / 2";

  private static final String FROZEN_FORMULA =
      "4 x frozen weights in matmuls + 6 x weights of adapters + 12 x layers x heads x head width x (sequence length + 1) / 2";

  /** Of a model that is trained whole. */
  static FlopPlan of(ModelConfig model, int length, long tokensPerStep, Recompute recompute) {
    return of(model, 0, length, tokensPerStep, recompute);
  }

  /**
   * Of the model of a stage.
   *
   * @param declared its parameters: all trained, or adapters beside a frozen model
   */
  static FlopPlan of(
      ModelConfig model,
      ParameterSet declared,
      int length,
      long tokensPerStep,
      Recompute recompute) {
    boolean whole = declared.parameters().stream().allMatch(Parameter::trainable);
    long adapters =
        declared.parameters().stream()
            .filter(Parameter::trainable)
            .mapToLong(Parameter::size)
            .sum();
    return of(model, whole ? 0 : adapters, length, tokensPerStep, recompute);
  }

  private static FlopPlan of(
      ModelConfig model, long adapters, int length, long tokensPerStep, Recompute recompute) {
    long width = model.width();
    long attention = (long) model.heads() * model.headWidth();
    long qkv = width * (attention + 2L * model.kvHeads() * model.headWidth());
    long output = attention * width;
    long branches =
        switch (model.activation()) {
          case GELU_TANH, GELU_ERF -> 1;
          case SWIGLU -> 2; // gate and up
        };
    long up = width * model.feedForwardWidth() * branches;
    long down = (long) model.feedForwardWidth() * width;
    long head = width * model.vocabularySize();
    long weights = model.layers() * (qkv + output + up + down) + head;
    double scores = 4.0 * attention * (length + 1) / 2;
    long numbers =
        model.layers() * (4 * width + attention + (qkv + up + down) / width)
            + model.vocabularySize();
    double products = adapters == 0 ? 6.0 * weights : 4.0 * weights + 6.0 * adapters;
    double perToken = products + 3 * model.layers() * scores;
    double again =
        switch (recompute) {
          case NONE -> 0;
          case ATTENTION -> 2.0 * model.layers() * qkv;
          case BLOCK -> model.layers() * (2.0 * (qkv + output + up) + scores);
        };
    return new FlopPlan(
        adapters == 0 ? FORMULA : FROZEN_FORMULA,
        weights,
        perToken,
        again,
        (perToken + again) * tokensPerStep,
        numbers);
  }
}

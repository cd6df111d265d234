package dev.firesteel.model;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.RopeLayout;

/** Configurations for tests; a component that is 0 or null is derived as in a run. */
public final class TestModels {
  private TestModels() {}

  /** GPT-2 with biases, tanh GELU and a tied head. */
  public static ModelConfig gpt2(int layers, int width, int heads, int context, int vocabulary) {
    return gpt2(layers, width, heads, context, vocabulary, true, Activation.GELU_TANH, true);
  }

  /** GPT-2 with all its choices. */
  public static ModelConfig gpt2(
      int layers,
      int width,
      int heads,
      int context,
      int vocabulary,
      boolean bias,
      Activation activation,
      boolean tied) {
    return new ModelConfig(
        Architecture.GPT2,
        layers,
        width,
        heads,
        0,
        0,
        0,
        context,
        vocabulary,
        bias,
        activation,
        0,
        1e-5,
        1e4,
        RopeLayout.HALF,
        tied,
        0.02);
  }

  /** Llama with grouped-query attention and its own head. */
  public static ModelConfig llama(
      int layers, int width, int heads, int groups, int inner, int context, int vocabulary) {
    return llama(layers, width, heads, groups, inner, context, vocabulary, RopeLayout.HALF, false);
  }

  /** Llama with all its choices. */
  public static ModelConfig llama(
      int layers,
      int width,
      int heads,
      int groups,
      int inner,
      int context,
      int vocabulary,
      RopeLayout rope,
      boolean tied) {
    return new ModelConfig(
        Architecture.LLAMA,
        layers,
        width,
        heads,
        groups,
        0,
        inner,
        context,
        vocabulary,
        null,
        null,
        0,
        1e-5,
        1e4,
        rope,
        tied,
        0.02);
  }

  /** The same with another probability of dropout. */
  public static ModelConfig withDropout(ModelConfig config, double dropout) {
    return with(config, dropout, config.initStd());
  }

  /** The same with larger or smaller initial weights. */
  public static ModelConfig withInitStd(ModelConfig config, double initStd) {
    return with(config, config.dropout(), initStd);
  }

  private static ModelConfig with(ModelConfig c, double dropout, double initStd) {
    return new ModelConfig(
        c.architecture(),
        c.layers(),
        c.width(),
        c.heads(),
        c.kvHeads(),
        c.headWidth(),
        c.feedForwardWidth(),
        c.contextLength(),
        c.vocabularySize(),
        c.bias(),
        c.activation(),
        dropout,
        c.normEpsilon(),
        c.ropeTheta(),
        c.ropeLayout(),
        c.tieEmbeddings(),
        initStd);
  }
}

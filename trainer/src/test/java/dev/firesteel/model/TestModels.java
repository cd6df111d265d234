package dev.firesteel.model;

import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

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
        RopeSpec.Layout.HALF,
        tied,
        0.02);
  }

  /** Llama with grouped-query attention and its own head. */
  public static ModelConfig llama(
      int layers, int width, int heads, int groups, int inner, int context, int vocabulary) {
    return llama(
        layers, width, heads, groups, inner, context, vocabulary, RopeSpec.Layout.HALF, false);
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
      RopeSpec.Layout rope,
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

  /**
   * A small model of every combination of choices that {@link ModelConfig} allows, for each
   * architecture: a new one is among them as soon as it is declared.
   */
  public static Stream<ModelConfig> variants() {
    List<ModelConfig> variants = new ArrayList<>();
    for (Architecture architecture : Architecture.values()) {
      for (Activation activation : Activation.values()) {
        for (RopeSpec.Layout rope : RopeSpec.Layout.values()) {
          for (int groups : new int[] {1, 2, 4}) {
            for (boolean bias : new boolean[] {false, true}) {
              for (boolean tied : new boolean[] {false, true}) {
                allowed(architecture, groups, bias, activation, rope, tied)
                    .ifPresent(variants::add);
              }
            }
          }
        }
      }
    }
    return variants.stream();
  }

  private static Optional<ModelConfig> allowed(
      Architecture architecture,
      int groups,
      boolean bias,
      Activation activation,
      RopeSpec.Layout rope,
      boolean tied) {
    try {
      return Optional.of(
          new ModelConfig(
              architecture,
              2,
              16,
              4,
              groups,
              0,
              12,
              5,
              11,
              bias,
              activation,
              0,
              1e-5,
              1e4,
              rope,
              tied,
              0.02));
    } catch (UserException e) {
      return Optional.empty();
    }
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

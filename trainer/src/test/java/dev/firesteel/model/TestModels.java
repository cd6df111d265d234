package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;
import dev.firesteel.config.ModelConfigBuilder;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
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
                    .ifPresent(
                        plain -> {
                          variants.add(plain);
                          variants.addAll(otherAttention(plain));
                        });
              }
            }
          }
        }
      }
    }
    return variants.stream();
  }

  /** With other biases, a window and scaled rotary positions, where the architecture has them. */
  private static List<ModelConfig> otherAttention(ModelConfig plain) {
    if (plain.kvHeads() != 2) {
      return List.of();
    }
    List<UnaryOperator<ModelConfigBuilder>> changes =
        List.of(
            builder -> builder.attentionBias(AttentionBias.ALL),
            builder -> builder.feedForwardBias(true),
            builder -> builder.headWidth(6),
            builder -> builder.window(5),
            builder ->
                builder.ropeScaling(
                    new RopeScalingConfig(RopeScalingConfig.Type.YARN, 4, 2, 1, 32, 1.25, true)));
    List<ModelConfig> variants = new ArrayList<>();
    for (UnaryOperator<ModelConfigBuilder> change : changes) {
      allowed(change.apply(plain.toBuilder()))
          .filter(changed -> !changed.equals(plain))
          .ifPresent(variants::add);
    }
    return variants;
  }

  private static Optional<ModelConfig> allowed(
      Architecture architecture,
      int groups,
      boolean bias,
      Activation activation,
      RopeSpec.Layout rope,
      boolean tied) {
    return allowed(
        llama(2, 16, 4, groups, 12, 5, 11, rope, tied).toBuilder()
            .architecture(architecture)
            .bias(bias)
            .attentionBias(null)
            .feedForwardBias(null)
            .activation(activation));
  }

  private static Optional<ModelConfig> allowed(ModelConfigBuilder model) {
    try {
      return Optional.of(model.build());
    } catch (UserException e) {
      return Optional.empty(); // the architecture does not have it
    }
  }

  /** The same with another probability of dropout. */
  public static ModelConfig withDropout(ModelConfig config, double dropout) {
    return config.toBuilder().dropout(dropout).build();
  }

  /** The same with larger or smaller initial weights. */
  public static ModelConfig withInitStd(ModelConfig config, double initStd) {
    return config.toBuilder().initStd(initStd).build();
  }

  /** Logits [B, T, V] of {@code ids [B, T]}. */
  public static float[] logits(LanguageModel model, int[] ids, int batch, int tokens) {
    Backend backend = model.parameters().backend();
    float[] logits = new float[ids.length * model.config().vocabularySize()];
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor all = model.logits(pass, tape.constant(ids, Shape.of(batch, tokens)));
      backend.download(all.array(), logits, 0);
    }
    return logits;
  }
}

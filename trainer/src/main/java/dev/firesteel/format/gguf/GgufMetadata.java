package dev.firesteel.format.gguf;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.RopeScaling;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;
import dev.firesteel.config.ModelConfigBuilder;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.huggingface.HuggingFaceConfig;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The sizes of a model as metadata of a GGUF file: keys that begin with the name of the
 * architecture. Source: {@code docs/gguf.md} of ggml-org/ggml, {@code src/llama-model.cpp} of
 * ggml-org/llama.cpp.
 */
final class GgufMetadata {
  static final String ARCHITECTURE = "general.architecture";

  /** Our own key: {@code config.json} of the model's Hugging Face directory. */
  static final String OWN = "firesteel.config.json";

  /** The divisors of rotary frequencies, [K / 2]: how Llama 3's scaling is stored. */
  static final String FREQUENCY_DIVISORS = "rope_freqs.weight";

  private static final List<Architecture> READ =
      List.of(Architecture.GPT2, Architecture.LLAMA, Architecture.QWEN2, Architecture.QWEN3);

  private GgufMetadata() {}

  /** The name of an architecture: Mistral is {@code llama} to llama.cpp. */
  static String name(Architecture architecture) {
    return architecture == Architecture.MISTRAL
        ? name(Architecture.LLAMA)
        : architecture.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Requires that llama.cpp compute the same model.
   *
   * @throws UserException that says what it has no key or no code for
   */
  static void requireExpressible(ModelConfig config) {
    if (config.activation() == Activation.GELU_ERF) {
      throw refused("activation gelu_erf", "it computes gpt2 with the tanh form of GELU");
    }
    if (config.architecture() == Architecture.QWEN3 && config.attentionBias().qkv()) {
      throw refused("attention_bias", "it has no biases in the attention of qwen3");
    }
    if (config.ropeScaling().type() == RopeScalingConfig.Type.YARN) {
      throw refused("rope_scaling.type yarn", "its versions differ in the magnitude they derive");
    }
    if (!GgufNames.isLlama(config.architecture()) && config.window() > 0) {
      requireWindow(config);
    }
  }

  private static void requireWindow(ModelConfig config) {
    if (config.window() < config.contextLength()) {
      throw refused(
          "window %d of a context of %d".formatted(config.window(), config.contextLength()),
          "it computes no sliding window for %s".formatted(name(config.architecture())));
    }
  }

  private static UserException refused(String what, String why) {
    return UserException.usage(
        "a model with %s cannot be exported to gguf, since llama.cpp would compute another one (%s): export it to hf"
            .formatted(what, why));
  }

  /**
   * The context in which llama.cpp computes the same: it has no sliding window for {@code llama},
   * which Mistral is to it, so that no more than the window is promised.
   */
  static int contextLength(ModelConfig config) {
    return config.window() > 0
        ? Math.min(config.window(), config.contextLength())
        : config.contextLength();
  }

  /** The keys of the architecture. */
  static Map<String, GgufValue> write(ModelConfig config) {
    Map<String, GgufValue> keys = new LinkedHashMap<>();
    String name = name(config.architecture());
    keys.put(ARCHITECTURE, GgufValue.text(name));
    keys.put(OWN, GgufValue.text(HuggingFaceConfig.write(config, FloatType.F32).toString()));
    String prefix = name + ".";
    keys.put(prefix + "vocab_size", GgufValue.number(config.vocabularySize()));
    keys.put(prefix + "context_length", GgufValue.number(contextLength(config)));
    keys.put(prefix + "embedding_length", GgufValue.number(config.width()));
    keys.put(prefix + "block_count", GgufValue.number(config.layers()));
    keys.put(prefix + "feed_forward_length", GgufValue.number(config.feedForwardWidth()));
    keys.put(prefix + "attention.head_count", GgufValue.number(config.heads()));
    if (config.architecture() == Architecture.GPT2) {
      keys.put(prefix + "attention.layer_norm_epsilon", epsilon(config));
      return keys;
    }
    keys.put(prefix + "attention.head_count_kv", GgufValue.number(config.kvHeads()));
    keys.put(prefix + "attention.layer_norm_rms_epsilon", epsilon(config));
    keys.put(prefix + "attention.key_length", GgufValue.number(config.headWidth()));
    keys.put(prefix + "attention.value_length", GgufValue.number(config.headWidth()));
    keys.put(prefix + "rope.dimension_count", GgufValue.number(config.headWidth()));
    keys.put(prefix + "rope.freq_base", GgufValue.number((float) config.ropeTheta()));
    RopeScalingConfig scaling = config.ropeScaling();
    if (scaling.type() == RopeScalingConfig.Type.LINEAR) {
      keys.put(prefix + "rope.scaling.type", GgufValue.text("linear"));
      keys.put(prefix + "rope.scaling.factor", GgufValue.number((float) scaling.factor()));
    }
    return keys;
  }

  /** The divisors that {@link #FREQUENCY_DIVISORS} holds; empty if there is no such tensor. */
  static Optional<float[]> frequencyDivisors(ModelConfig config) {
    if (config.ropeScaling().type() != RopeScalingConfig.Type.LLAMA3) {
      return Optional.empty();
    }
    RopeScaling scaled = config.ropeScaling().scaling();
    float[] divisors = new float[config.headWidth() / 2];
    for (int i = 0; i < divisors.length; i++) {
      double plain = RopeScaling.none().frequency(config.ropeTheta(), config.headWidth(), i);
      divisors[i] = (float) (plain / scaled.frequency(config.ropeTheta(), config.headWidth(), i));
    }
    return Optional.of(divisors);
  }

  private static GgufValue epsilon(ModelConfig config) {
    return GgufValue.number((float) config.normEpsilon());
  }

  /**
   * The sizes that a file describes.
   *
   * <p>A file of Firesteel's has them as {@code config.json}, too, which says more: that a model is
   * Mistral, how its rotary frequencies are scaled, that biases are none.
   *
   * @throws UserException when they are those of a model that ours do not support
   */
  static ModelConfig read(GgufFile file) {
    ModelConfig config = readAny(file);
    Shape embedding = file.requireNumbers(GgufNames.EMBEDDING).shape();
    if (config.layers() > file.tensors().size()
        || !embedding.equals(Shape.of(config.vocabularySize(), config.width()))) {
      throw UserException.failure(
          "%s must have the %d layers and the embedding [%d, %d] of its metadata, got %d tensors and an embedding %s: the file is damaged"
              .formatted(
                  file,
                  config.layers(),
                  config.vocabularySize(),
                  config.width(),
                  file.tensors().size(),
                  embedding));
    }
    return config;
  }

  private static ModelConfig readAny(GgufFile file) {
    Optional<String> own = file.text(OWN);
    if (own.isEmpty()) {
      return readKeys(file);
    }
    ModelConfig config;
    try {
      config = HuggingFaceConfig.read(Safetensors.JSON.readTree(own.get()));
    } catch (JsonProcessingException e) {
      throw UserException.failure("%s of %s is not valid JSON".formatted(OWN, file), e);
    }
    String name = file.text(ARCHITECTURE).orElse("(none)");
    if (!name.equals(name(config.architecture()))) {
      throw UserException.failure(
          "%s of %s must be %s as %s says, got %s: the file is damaged"
              .formatted(ARCHITECTURE, file, name(config.architecture()), OWN, name));
    }
    return config;
  }

  private static ModelConfig readKeys(GgufFile file) {
    String name = file.text(ARCHITECTURE).orElse("(none)");
    Architecture architecture =
        READ.stream()
            .filter(each -> name(each).equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    UserException.usage(
                        "%s of %s must be gpt2, llama, qwen2 or qwen3, got %s: no other architecture can be loaded"
                            .formatted(ARCHITECTURE, file, name)));
    String prefix = name + ".";
    requireAbsent(file, prefix + "expert_count");
    requireAbsent(file, prefix + "attention.sliding_window");
    int heads = required(file, prefix + "attention.head_count");
    int width = required(file, prefix + "embedding_length");
    boolean gpt2 = architecture == Architecture.GPT2;
    Shape embedding = file.requireNumbers(GgufNames.EMBEDDING).shape();
    int headWidth =
        gpt2
            ? 0
            : file.integer(prefix + "attention.key_length").orElse(heads == 0 ? 0 : width / heads);
    requireEqual(file, prefix + "attention.value_length", headWidth, gpt2);
    requireEqual(file, prefix + "rope.dimension_count", headWidth, gpt2);
    String norm = gpt2 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    boolean tied = !file.tensors().containsKey(GgufNames.HEAD);
    ModelConfigBuilder config =
        new ModelConfig(
                architecture,
                required(file, prefix + "block_count"),
                width,
                heads,
                gpt2 ? 0 : file.integer(prefix + "attention.head_count_kv").orElse(heads),
                headWidth,
                required(file, prefix + "feed_forward_length"),
                required(file, prefix + "context_length"),
                embedding.dim(0),
                gpt2,
                gpt2 ? Activation.GELU_TANH : Activation.SWIGLU,
                0,
                decimal(file.number(prefix + norm).orElse(1e-5)),
                decimal(file.number(prefix + "rope.freq_base").orElse(1e4)),
                RopeSpec.Layout.HALF,
                tied,
                0.02)
            .toBuilder();
    if (architecture == Architecture.LLAMA) {
      boolean biases = file.tensors().containsKey("blk.0.attn_q.bias");
      config.attentionBias(biases ? AttentionBias.ALL : AttentionBias.NONE);
      config.feedForwardBias(file.tensors().containsKey("blk.0.ffn_gate.bias"));
    }
    return config.ropeScaling(scaling(file, prefix)).build();
  }

  private static RopeScalingConfig scaling(GgufFile file, String prefix) {
    String type = file.text(prefix + "rope.scaling.type").orElse("none");
    if (file.tensors().containsKey(FREQUENCY_DIVISORS)) {
      throw UserException.usage(
          "%s has its rotary frequencies scaled (%s), which cannot be imported, since the scaling that made them is not in the file: import the Hugging Face directory"
              .formatted(file, FREQUENCY_DIVISORS));
    }
    return switch (type) {
      case "none" -> RopeScalingConfig.NONE;
      case "linear" ->
          new RopeScalingConfig(
              RopeScalingConfig.Type.LINEAR,
              decimal(file.number(prefix + "rope.scaling.factor").orElse(1.0)),
              0,
              1,
              4,
              1,
              true);
      default ->
          throw UserException.usage(
              "%srope.scaling.type of %s must be none or linear, got %s: import the Hugging Face directory"
                  .formatted(prefix, file, type));
    };
  }

  /**
   * The number that people wrote, of which the file has the nearest float: 1e-5, not 9.99999974e-6.
   * As floats both are the same.
   */
  private static double decimal(double value) {
    return (float) value == value ? Double.parseDouble(Float.toString((float) value)) : value;
  }

  private static int required(GgufFile file, String key) {
    Optional<Integer> value = file.integer(key);
    return value.orElseThrow(
        () ->
            UserException.failure(
                "%s must have the metadata key %s, and does not: the file is incomplete"
                    .formatted(file, key)));
  }

  private static void requireAbsent(GgufFile file, String key) {
    int value = file.integer(key).orElse(0);
    if (value != 0) {
      throw UserException.usage(
          "%s of %s must be absent, got %d: such a model cannot be loaded"
              .formatted(key, file, value));
    }
  }

  private static void requireEqual(GgufFile file, String key, int wanted, boolean any) {
    int value = file.integer(key).orElse(wanted);
    if (!any && value != wanted) {
      throw UserException.usage(
          "%s of %s must be the width of a head, %d, got %d: such a model cannot be loaded"
              .formatted(key, file, wanted, value));
    }
  }
}

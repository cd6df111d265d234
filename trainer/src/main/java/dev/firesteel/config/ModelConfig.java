package dev.firesteel.config;

import dev.firesteel.backend.RopeSpec;
import dev.firesteel.error.UserException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Section {@code model}: the network's architecture and sizes.
 *
 * <p>Defaults of some keys depend on the architecture: GPT-2 has biases, tanh GELU, a tied head and
 * a feed-forward width of 4 times the width; Llama and the architectures that follow it have
 * SwiGLU, an untied head and 8/3 of the width rounded up to a multiple of 256 (Touvron et al. 2023,
 * section 2.2, and its reference code). Each architecture allows what its published form can
 * express.
 */
public record ModelConfig(
    @Setting(
            meaning =
                "Existing weights to start from: a run directory (its last checkpoint), a"
                    + " checkpoint, or a Hugging Face model directory. The other keys of this"
                    + " section, except `dropout`, and the tokenizer are then taken from that"
                    + " model. Empty: random initial weights.")
        String from,
    @Setting(
            byDefault = "llama",
            meaning =
                "`gpt2`: learned positions, LayerNorm, GELU; `llama`: RoPE, RMSNorm, SwiGLU,"
                    + " grouped-query attention; `mistral`: Llama with a sliding window; `qwen2`:"
                    + " Llama with biases in queries, keys and values; `qwen3`: Llama with RMSNorm"
                    + " of each query and key head.")
        Architecture architecture,
    @Setting(byDefault = "4", meaning = "Number of Transformer blocks.") int layers,
    @Setting(byDefault = "192", meaning = "Width of the residual stream (d_model).") int width,
    @Setting(byDefault = "6", meaning = "Number of attention heads.") int heads,
    @Setting(
            byDefault = "0",
            meaning =
                "Key/value heads of grouped-query attention (not `gpt2`). 0: as many as heads.")
        int kvHeads,
    @Setting(byDefault = "0", meaning = "Width of one head. 0: width / heads.") int headWidth,
    @Setting(
            byDefault = "0",
            meaning =
                "Inner width of the feed-forward block. 0: 4 x width (`gpt2`), 8/3 x width rounded"
                    + " up to a multiple of 256 (all others).")
        int feedForwardWidth,
    @Setting(byDefault = "256", meaning = "Maximum sequence length, in tokens.") int contextLength,
    @Setting(
            byDefault = "0",
            meaning =
                "Rows of the embedding, at least the tokenizer's vocabulary size. 0: equal to it.")
        int vocabularySize,
    @Setting(
            meaning =
                "Biases in all linear and normalisation layers (`gpt2`). Default: true for `gpt2`,"
                    + " false for all others.")
        Boolean bias,
    @Setting(
            meaning =
                "Biases in attention: `none`, `qkv` (queries, keys and values) or `all` (the output"
                    + " too). `llama` and `qwen3`: `none` or `all`; `qwen2`: `qkv`; `mistral`:"
                    + " `none`; `gpt2`: as `bias`. Default: the first of these.")
        AttentionBias attentionBias,
    @Setting(
            meaning =
                "Biases in the feed-forward block (`llama`; `gpt2`: as `bias`). Default: false for"
                    + " all but `gpt2`.")
        Boolean feedForwardBias,
    @Setting(
            meaning =
                "`gelu_tanh`, `gelu_erf` (`gpt2`) or `swiglu` (all others). Default: `gelu_tanh`"
                    + " for `gpt2`, `swiglu` for all others.")
        Activation activation,
    @Setting(
            byDefault = "0",
            meaning =
                "How many tokens, itself included, a token attends to (`mistral`, `qwen2`,"
                    + " `qwen3`). 0: all before it.")
        int window,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Dropout probability in training, applied to the embedding and to each residual"
                    + " branch, not to attention probabilities.")
        double dropout,
    @Setting(byDefault = "1e-5", meaning = "Epsilon of the normalisation layers.")
        double normEpsilon,
    @Setting(
            byDefault = "10000.0",
            meaning = "Base of the rotary position frequencies (not `gpt2`).")
        double ropeTheta,
    @Setting(
            byDefault = "half",
            meaning =
                "Which elements of a head RoPE rotates together: `half` pairs i with i + head_width/2"
                    + " (Hugging Face), `interleaved` 2i with 2i + 1 (Meta, GGUF).")
        RopeSpec.Layout ropeLayout,
    RopeScalingConfig ropeScaling,
    @Setting(
            meaning =
                "Whether the output head shares the embedding's weight. Default: true for `gpt2`,"
                    + " false for all others.")
        Boolean tieEmbeddings,
    @Setting(
            byDefault = "0.02",
            meaning =
                "Standard deviation of initial weights; that of residual projections is multiplied"
                    + " by 1/sqrt(2 x layers).")
        double initStd) {

  /**
   * An architecture: the layers it is made of, and which differences from other architectures of
   * the same layers it has or allows.
   */
  public enum Architecture {
    /** Radford et al. 2019. */
    GPT2(Family.GPT2, false, false, false, AttentionBias.ALL, AttentionBias.NONE),
    /** Touvron et al. 2023. */
    LLAMA(Family.LLAMA, false, false, true, AttentionBias.NONE, AttentionBias.ALL),
    /** Jiang et al. 2023: a sliding window. */
    MISTRAL(Family.LLAMA, true, false, false, AttentionBias.NONE, AttentionBias.NONE),
    /** Yang et al. 2024: biases in queries, keys and values. */
    QWEN2(Family.LLAMA, true, false, false, AttentionBias.QKV, AttentionBias.QKV),
    /** Yang et al. 2025: norms of query and key heads. */
    QWEN3(Family.LLAMA, true, true, false, AttentionBias.NONE, AttentionBias.ALL);

    private final Family family;
    private final boolean windowAllowed;
    private final boolean headNorms;
    private final boolean feedForwardBiasAllowed;
    private final AttentionBias usualBias;
    private final AttentionBias otherBias;

    Architecture(
        Family family,
        boolean windowAllowed,
        boolean headNorms,
        boolean feedForwardBiasAllowed,
        AttentionBias usualBias,
        AttentionBias otherBias) {
      this.family = family;
      this.windowAllowed = windowAllowed;
      this.headNorms = headNorms;
      this.feedForwardBiasAllowed = feedForwardBiasAllowed;
      this.usualBias = usualBias;
      this.otherBias = otherBias;
    }

    /** The kind of its layers. */
    public Family family() {
      return family;
    }

    /** Whether each query and key head is normalized before it is rotated. */
    public boolean headNorms() {
      return headNorms;
    }
  }

  /** The layers that an architecture is made of. */
  public enum Family {
    /** Learned positions, LayerNorm, GELU. */
    GPT2,
    /** RoPE, RMSNorm, SwiGLU. */
    LLAMA
  }

  /** Which projections of attention have biases. */
  public enum AttentionBias {
    NONE,
    /** Queries, keys and values. */
    QKV,
    /** Queries, keys, values and the output. */
    ALL;

    /** Whether queries, keys and values have biases. */
    public boolean qkv() {
      return this != NONE;
    }

    /** Whether the output projection has biases. */
    public boolean output() {
      return this == ALL;
    }
  }

  /** The feed-forward block's activation function. */
  public enum Activation {
    GELU_TANH(dev.firesteel.backend.Activation.GELU_TANH),
    GELU_ERF(dev.firesteel.backend.Activation.GELU_ERF),
    /** Gated: SiLU of one half of the block's inner width times the other half. */
    SWIGLU(dev.firesteel.backend.Activation.SILU);

    private final dev.firesteel.backend.Activation elementwise;

    Activation(dev.firesteel.backend.Activation elementwise) {
      this.elementwise = elementwise;
    }

    /** The function applied to each element. */
    public dev.firesteel.backend.Activation elementwise() {
      return elementwise;
    }
  }

  private static final int LLAMA_FEED_FORWARD_MULTIPLE = 256;

  public ModelConfig {
    Require.atLeast("model.layers", layers, 1);
    Require.atLeast("model.width", width, 1);
    Require.atLeast("model.heads", heads, 1);
    Require.atLeast("model.kv_heads", kvHeads, 0);
    Require.atLeast("model.head_width", headWidth, 0);
    Require.atLeast("model.feed_forward_width", feedForwardWidth, 0);
    Require.atLeast("model.context_length", contextLength, 1);
    Require.atLeast("model.vocabulary_size", vocabularySize, 0);
    Require.fraction("model.dropout", dropout);
    Require.positive("model.norm_epsilon", normEpsilon);
    Require.positive("model.rope_theta", ropeTheta);
    Require.positive("model.init_std", initStd);

    Require.atLeast("model.window", window, 0);

    boolean llama = architecture.family() == Family.LLAMA;
    if (kvHeads == 0) {
      kvHeads = heads;
    }
    if (headWidth == 0) {
      Require.that(
          width % heads == 0,
          "model.width must be a multiple of model.heads (%d), got %d: change one, or set model.head_width"
              .formatted(heads, width));
      headWidth = width / heads;
    }
    if (feedForwardWidth == 0) {
      feedForwardWidth =
          Math.toIntExact(
              llama ? roundUp(8L * width / 3, LLAMA_FEED_FORWARD_MULTIPLE) : 4L * width);
    }
    if (bias == null) {
      bias = !llama;
    }
    if (attentionBias == null) {
      attentionBias = llama || bias ? architecture.usualBias : AttentionBias.NONE;
    }
    if (feedForwardBias == null) {
      feedForwardBias = bias;
    }
    if (ropeScaling == null) {
      ropeScaling = RopeScalingConfig.NONE;
    }
    if (tieEmbeddings == null) {
      tieEmbeddings = !llama;
    }
    if (activation == null) {
      activation = llama ? Activation.SWIGLU : Activation.GELU_TANH;
    }

    String name = ConfigLoader.yamlName(architecture);
    Require.that(
        heads % kvHeads == 0,
        "model.kv_heads must divide model.heads (%d), got %d".formatted(heads, kvHeads));
    Require.that(
        window == 0 || architecture.windowAllowed,
        "model.window must be 0 for the architecture %s, got %d".formatted(name, window));
    Require.that(
        attentionBias == architecture.usualBias || attentionBias == architecture.otherBias,
        "model.attention_bias must be %s for the architecture %s, got %s"
            .formatted(
                Stream.of(architecture.usualBias, architecture.otherBias)
                    .distinct()
                    .map(ConfigLoader::yamlName)
                    .collect(Collectors.joining(" or ")),
                name,
                ConfigLoader.yamlName(attentionBias)));
    if (llama) {
      Require.that(
          !bias, "model.bias must be false for the architecture %s, got true".formatted(name));
      Require.that(
          !feedForwardBias || architecture.feedForwardBiasAllowed,
          "model.feed_forward_bias must be false for the architecture %s, got true"
              .formatted(name));
      Require.that(
          activation == Activation.SWIGLU,
          "model.activation must be swiglu for the architecture %s, got %s"
              .formatted(name, ConfigLoader.yamlName(activation)));
      Require.that(
          headWidth % 2 == 0,
          "model.head_width must be even for rotary positions, got " + headWidth);
    } else {
      Require.that(
          attentionBias.output() == bias && feedForwardBias.equals(bias),
          "model.attention_bias and model.feed_forward_bias must follow model.bias (%s) for the architecture %s, got %s and %s: leave them out"
              .formatted(bias, name, ConfigLoader.yamlName(attentionBias), feedForwardBias));
      Require.that(
          ropeScaling.type() == RopeScalingConfig.Type.NONE,
          "model.rope_scaling.type must be none for the architecture %s, got %s"
              .formatted(name, ConfigLoader.yamlName(ropeScaling.type())));
      Require.that(
          kvHeads == heads,
          "model.kv_heads must equal model.heads (%d) for the architecture %s, got %d"
              .formatted(heads, name, kvHeads));
      Require.that(
          headWidth * heads == width,
          "model.head_width must be model.width / model.heads (%d) for the architecture %s, got %d"
              .formatted(width / heads, name, headWidth));
      Require.that(
          activation != Activation.SWIGLU,
          "model.activation must be gelu_tanh or gelu_erf for the architecture %s, got swiglu"
              .formatted(name));
    }
  }

  /**
   * A model with random initial weights, and the architecture's usual attention: its default
   * biases, no window, no scaling of rotary positions.
   */
  public ModelConfig(
      Architecture architecture,
      int layers,
      int width,
      int heads,
      int kvHeads,
      int headWidth,
      int feedForwardWidth,
      int contextLength,
      int vocabularySize,
      Boolean bias,
      Activation activation,
      double dropout,
      double normEpsilon,
      double ropeTheta,
      RopeSpec.Layout ropeLayout,
      Boolean tieEmbeddings,
      double initStd) {
    this(
        "",
        architecture,
        layers,
        width,
        heads,
        kvHeads,
        headWidth,
        feedForwardWidth,
        contextLength,
        vocabularySize,
        bias,
        null,
        null,
        activation,
        0,
        dropout,
        normEpsilon,
        ropeTheta,
        ropeLayout,
        RopeScalingConfig.NONE,
        tieEmbeddings,
        initStd);
  }

  /**
   * The same model with an embedding for a tokenizer.
   *
   * @param tokens vocabulary size of the tokenizer
   * @throws UserException if {@code model.vocabulary_size} is given and smaller
   */
  public ModelConfig forTokenizer(int tokens) {
    if (vocabularySize == 0) {
      return withVocabularySize(tokens);
    }
    if (vocabularySize < tokens) {
      throw UserException.usage(
          "model.vocabulary_size must be at least the tokenizer's (%d), got %d: raise it, or set it to 0"
              .formatted(tokens, vocabularySize));
    }
    return this;
  }

  /** The same model with the number of embedding rows resolved. */
  public ModelConfig withVocabularySize(int size) {
    return toBuilder().vocabularySize(size).build();
  }

  /** A builder that holds this model's values. */
  public ModelConfigBuilder toBuilder() {
    return new ModelConfigBuilder(this);
  }

  private static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}

package dev.firesteel.config;

import dev.firesteel.backend.RopeSpec;
import dev.firesteel.error.UserException;

/**
 * Section {@code model}: the network's architecture and sizes.
 *
 * <p>Defaults of some keys depend on the architecture: GPT-2 has biases, tanh GELU, a tied head and
 * a feed-forward width of 4 times the width; Llama has no biases, SwiGLU, an untied head and 8/3 of
 * the width rounded up to a multiple of 256 (Touvron et al. 2023, section 2.2, and its reference
 * code).
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
                    + " grouped-query attention.")
        Architecture architecture,
    @Setting(byDefault = "4", meaning = "Number of Transformer blocks.") int layers,
    @Setting(byDefault = "192", meaning = "Width of the residual stream (d_model).") int width,
    @Setting(byDefault = "6", meaning = "Number of attention heads.") int heads,
    @Setting(
            byDefault = "0",
            meaning = "Key/value heads of grouped-query attention (`llama`). 0: as many as heads.")
        int kvHeads,
    @Setting(byDefault = "0", meaning = "Width of one head. 0: width / heads.") int headWidth,
    @Setting(
            byDefault = "0",
            meaning =
                "Inner width of the feed-forward block. 0: 4 x width (`gpt2`), 8/3 x width rounded"
                    + " up to a multiple of 256 (`llama`).")
        int feedForwardWidth,
    @Setting(byDefault = "256", meaning = "Maximum sequence length, in tokens.") int contextLength,
    @Setting(
            byDefault = "0",
            meaning =
                "Rows of the embedding, at least the tokenizer's vocabulary size. 0: equal to it.")
        int vocabularySize,
    @Setting(
            meaning =
                "Biases in linear and normalisation layers (`gpt2`). Default: true for `gpt2`,"
                    + " false for `llama`.")
        Boolean bias,
    @Setting(
            meaning =
                "`gelu_tanh`, `gelu_erf` (`gpt2`) or `swiglu` (`llama`). Default: `gelu_tanh` for"
                    + " `gpt2`, `swiglu` for `llama`.")
        Activation activation,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Dropout probability in training, applied to the embedding and to each residual"
                    + " branch, not to attention probabilities.")
        double dropout,
    @Setting(byDefault = "1e-5", meaning = "Epsilon of the normalisation layers.")
        double normEpsilon,
    @Setting(byDefault = "10000.0", meaning = "Base of the rotary position frequencies (`llama`).")
        double ropeTheta,
    @Setting(
            byDefault = "half",
            meaning =
                "Which elements of a head RoPE rotates together: `half` pairs i with i + head_width/2"
                    + " (Hugging Face), `interleaved` 2i with 2i + 1 (Meta, GGUF).")
        RopeSpec.Layout ropeLayout,
    @Setting(
            meaning =
                "Whether the output head shares the embedding's weight. Default: true for `gpt2`,"
                    + " false for `llama`.")
        Boolean tieEmbeddings,
    @Setting(
            byDefault = "0.02",
            meaning =
                "Standard deviation of initial weights; that of residual projections is multiplied"
                    + " by 1/sqrt(2 x layers).")
        double initStd) {

  /** The model family. */
  public enum Architecture {
    GPT2,
    LLAMA
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

    boolean llama = architecture == Architecture.LLAMA;
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
    if (tieEmbeddings == null) {
      tieEmbeddings = !llama;
    }
    if (activation == null) {
      activation = llama ? Activation.SWIGLU : Activation.GELU_TANH;
    }

    Require.that(
        heads % kvHeads == 0,
        "model.kv_heads must divide model.heads (%d), got %d".formatted(heads, kvHeads));
    if (llama) {
      Require.that(!bias, "model.bias must be false for the architecture llama, got true");
      Require.that(
          activation == Activation.SWIGLU,
          "model.activation must be swiglu for the architecture llama, got "
              + ConfigLoader.yamlName(activation));
      Require.that(
          headWidth % 2 == 0,
          "model.head_width must be even for rotary positions, got " + headWidth);
    } else {
      Require.that(
          kvHeads == heads,
          "model.kv_heads must equal model.heads (%d) for the architecture gpt2, got %d"
              .formatted(heads, kvHeads));
      Require.that(
          headWidth * heads == width,
          "model.head_width must be model.width / model.heads (%d) for the architecture gpt2, got %d"
              .formatted(width / heads, headWidth));
      if (activation == Activation.SWIGLU) {
        throw UserException.usage(
            "model.activation must be gelu_tanh or gelu_erf for the architecture gpt2, got swiglu");
      }
    }
  }

  /** A model with random initial weights. */
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
        activation,
        dropout,
        normEpsilon,
        ropeTheta,
        ropeLayout,
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
    return new ModelConfig(
        from,
        architecture,
        layers,
        width,
        heads,
        kvHeads,
        headWidth,
        feedForwardWidth,
        contextLength,
        size,
        bias,
        activation,
        dropout,
        normEpsilon,
        ropeTheta,
        ropeLayout,
        tieEmbeddings,
        initStd);
  }

  private static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}

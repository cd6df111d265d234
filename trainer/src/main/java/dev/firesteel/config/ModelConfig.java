package dev.firesteel.config;

import dev.firesteel.error.UserException;

/**
 * Section {@code model}: the network's architecture and sizes.
 *
 * <p>Keys that are not given depend on the architecture: GPT-2 has biases, tanh GELU, a tied head
 * and a feed-forward width of 4 times the width; Llama has none of them, SwiGLU, a head of its own
 * and 8/3 of the width rounded up to a multiple of 256 (Touvron et al. 2023, section 2.2, and its
 * reference code).
 */
public record ModelConfig(
    @Setting(
            byDefault = "llama",
            meaning =
                "`gpt2`: learned positions, LayerNorm, GELU; `llama`: RoPE, RMSNorm, SwiGLU,"
                    + " grouped-query attention.")
        Architecture architecture,
    @Setting(byDefault = "4", meaning = "Transformer blocks.") int layers,
    @Setting(byDefault = "192", meaning = "Width of the residual stream.") int width,
    @Setting(byDefault = "6", meaning = "Attention heads.") int heads,
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
    @Setting(byDefault = "256", meaning = "The longest sequence the model is made for, in tokens.")
        int contextLength,
    @Setting(
            byDefault = "0",
            meaning = "Rows of the embedding. 0: the tokenizer's vocabulary; else at least that.")
        int vocabularySize,
    @Setting(
            meaning =
                "Biases in linear and normalisation layers (`gpt2`). Derived where it is not"
                    + " given: true for `gpt2`, false for `llama`.")
        Boolean bias,
    @Setting(
            meaning =
                "`gelu_tanh`, `gelu_erf` (`gpt2`) or `swiglu` (`llama`). Derived where it is not"
                    + " given: gelu_tanh or swiglu.")
        Activation activation,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Probability of dropout in training, of the embedding and of each residual"
                    + " branch; attention probabilities have none.")
        double dropout,
    @Setting(byDefault = "1e-5", meaning = "Epsilon of the normalisation layers.")
        double normEpsilon,
    @Setting(byDefault = "10000.0", meaning = "Base of the rotary positions (`llama`).")
        double ropeTheta,
    @Setting(
            byDefault = "half",
            meaning =
                "Which components RoPE rotates together: `half` pairs i with i + head_width/2"
                    + " (Hugging Face), `interleaved` 2i with 2i + 1 (Meta, GGUF).")
        RopeLayout ropeLayout,
    @Setting(
            meaning =
                "The output head shares the embedding's weight. Derived where it is not given:"
                    + " true for `gpt2`, false for `llama`.")
        Boolean tieEmbeddings,
    @Setting(
            byDefault = "0.02",
            meaning =
                "Standard deviation of initial weights; residual projections get 1/sqrt(2 x"
                    + " layers) of it.")
        double initStd) {

  /** The family of the network. */
  public enum Architecture {
    GPT2,
    LLAMA
  }

  /** The feed-forward block's non-linearity. */
  public enum Activation {
    GELU_TANH,
    GELU_ERF,
    SWIGLU
  }

  /** Which components RoPE rotates together. */
  public enum RopeLayout {
    HALF,
    INTERLEAVED
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

  /** The same model with the number of embedding rows resolved. */
  public ModelConfig withVocabularySize(int size) {
    return new ModelConfig(
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

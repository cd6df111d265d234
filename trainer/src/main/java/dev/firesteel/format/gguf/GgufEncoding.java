package dev.firesteel.format.gguf;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How the weights of a whole file are stored, by the names of llama.cpp's {@code llama_ftype}. Each
 * encoding chooses the {@link GgmlType} of each matrix; norms, biases and learned positions are F32
 * in all of them. Only encodings whose perplexity was tested are offered.
 *
 * <p>In {@code Q4_0} the embedding and the head are Q8_0, since they matter most. {@code Q4_K_M} is
 * the mix of {@code llama_tensor_get_type} in {@code src/llama-quant.cpp} of ggml-org/llama.cpp:
 * Q6_K for the head (and the embedding that it is tied to), and for the values of the attention and
 * the down-projections in the first eighth of the layers, in the last one, and in every third layer
 * between; Q4_K for all else.
 *
 * <p>Matrices whose rows are not whole blocks have the type that llama.cpp takes instead: Q5_0 for
 * Q4_K, Q8_0 for Q6_K, and F16 where rows are not multiples of 32.
 */
public enum GgufEncoding {
  F32(0, GgmlType.F32),
  F16(1, GgmlType.F16),
  BF16(32, GgmlType.BF16),
  Q8_0(7, GgmlType.Q8_0),
  Q4_0(2, GgmlType.Q4_0),
  Q4_K_M(15, GgmlType.Q4_K);

  private static final Pattern MATTERS_MORE =
      Pattern.compile("blk\\.(\\d+)\\.(?:attn_v|attn_qkv|ffn_down)\\.weight");

  private final int fileType;
  private final GgmlType usual;

  GgufEncoding(int fileType, GgmlType usual) {
    this.fileType = fileType;
    this.usual = usual;
  }

  /** The number of {@code general.file_type}. */
  int fileType() {
    return fileType;
  }

  /**
   * The type that a matrix of any width should have.
   *
   * @param tensor the name in the file
   * @param layers of the model
   * @param tied whether the head is the embedding
   */
  GgmlType wanted(String tensor, int layers, boolean tied) {
    boolean head = tensor.equals(GgufNames.HEAD);
    boolean embedding = tensor.equals(GgufNames.EMBEDDING);
    return switch (this) {
      case F32, F16, BF16, Q8_0 -> usual;
      case Q4_0 -> head || embedding ? GgmlType.Q8_0 : usual;
      case Q4_K_M -> {
        Matcher block = MATTERS_MORE.matcher(tensor);
        boolean more = block.matches() ? moreBits(Integer.parseInt(block.group(1)), layers) : head;
        yield more || (embedding && tied) ? GgmlType.Q6_K : usual;
      }
    };
  }

  /** Layers in which the mix spends more bits: {@code use_more_bits} of llama.cpp. */
  private static boolean moreBits(int layer, int layers) {
    int eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
  }

  /**
   * A type whose blocks fill rows: the one that is wanted, else that which llama.cpp takes instead.
   *
   * @param columns elements of a row
   */
  static GgmlType fitting(GgmlType wanted, int columns) {
    if (columns % wanted.blockElements() == 0) {
      return wanted;
    }
    GgmlType other =
        switch (wanted) {
          case Q4_K -> GgmlType.Q5_0;
          case Q6_K -> GgmlType.Q8_0;
          default -> GgmlType.F16;
        };
    return fitting(other, columns);
  }
}

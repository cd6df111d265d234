package dev.firesteel.format.huggingface;

import dev.firesteel.array.Shape;
import dev.firesteel.nn.Parameter;
import java.util.Arrays;

/**
 * One tensor of a Hugging Face checkpoint, and where its elements are in our parameters. Ours are
 * packed (query | key | value, gate | up) and always {@code [out, in]}; theirs depend on the
 * architecture.
 *
 * @param name such as {@code transformer.h.0.attn.c_attn.weight}
 * @param shape theirs
 * @param layout how their elements are ordered
 * @param parameter ours; null for {@link Layout#ZERO}
 * @param firstRow the tensor's first row in the parameter
 * @param headWidth rows of one head, for {@link Layout#HALF_OF_INTERLEAVED}; else 0
 */
public record HuggingFaceTensor(
    String name, Shape shape, Layout layout, Parameter parameter, int firstRow, int headWidth) {

  /** How the elements of a tensor are obtained from rows of a parameter. */
  public enum Layout {
    /** The same rows in the same order: a contiguous range of the parameter. */
    ROWS,
    /** {@code [in, out]} of our {@code [out, in]}: GPT-2's Conv1D. */
    TRANSPOSED,
    /**
     * Rows of each head in rotate-half order, of ours in interleaved order: row i is our row 2i,
     * row {@code i + K/2} our row {@code 2i + 1}.
     */
    HALF_OF_INTERLEAVED,
    /** All 0, if we have no such parameter: biases of a bias-free GPT-2. */
    ZERO
  }

  /** The index in the parameter of the tensor's first element, for {@link Layout#ROWS}. */
  public int firstElement() {
    return parameter.shape().rank() == 1 ? firstRow : firstRow * parameter.shape().last();
  }

  /** The number of elements. */
  public int size() {
    return Math.toIntExact(shape.size());
  }

  /** The rows of the parameter that the tensor holds. */
  int rows() {
    return Math.toIntExact(shape.size() / (parameter.size() / parameter.shape().dim(0)));
  }

  /** Fills {@code tensor} from all elements of the parameter. */
  public void fromParameter(float[] parameterValues, float[] tensor) {
    switch (layout) {
      case ROWS -> System.arraycopy(parameterValues, firstElement(), tensor, 0, size());
      case ZERO -> Arrays.fill(tensor, 0, size(), 0);
      case TRANSPOSED, HALF_OF_INTERLEAVED -> {
        for (int i = 0; i < size(); i++) {
          tensor[i] = parameterValues[source(i)];
        }
      }
    }
  }

  /**
   * Writes {@code tensor} to its position among all elements of the parameter.
   *
   * @throws IllegalArgumentException when the layout is {@link Layout#ZERO}, which has no parameter
   */
  public void toParameter(float[] tensor, float[] parameterValues) {
    if (layout == Layout.ZERO) {
      throw new IllegalArgumentException(name + " has no parameter to go to");
    }
    for (int i = 0; i < size(); i++) {
      parameterValues[source(i)] = tensor[i];
    }
  }

  /** The index in the parameter of element {@code index} of the tensor. */
  private int source(int index) {
    return switch (layout) {
      case ROWS -> firstElement() + index;
      case TRANSPOSED -> {
        int out = shape.dim(1);
        yield firstElement() + index % out * shape.dim(0) + index / out;
      }
      case HALF_OF_INTERLEAVED -> {
        int columns = shape.rank() == 1 ? 1 : shape.last();
        int row = index / columns;
        int inHead = row % headWidth;
        int half = headWidth / 2;
        int ours = inHead < half ? 2 * inHead : 2 * (inHead - half) + 1;
        yield firstElement() + (row - inHead + ours) * columns + index % columns;
      }
      case ZERO -> throw new IllegalStateException(name + " has no source");
    };
  }
}

package dev.firesteel.nn;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One value per element of each parameter, or of each trained one: weights or gradients. Elements
 * are numbered through all of them: decayed parameters come first, then the other trained ones,
 * then the frozen ones; each is aligned to {@link ParameterSet#ALIGNMENT} elements, and the padding
 * between them is always zero. An optimizer, a gradient bucket, a shard and a checkpoint all work
 * on ranges of these numbers.
 *
 * <p>The elements are in one array where that can hold them, and frozen parameters in one of their
 * own; otherwise in several, each of whole parameters.
 */
public final class Segment implements AutoCloseable {
  private final ParameterSet parameters;
  private final ArrayMemory memory;
  private final DType dtype;
  private final long size;
  private final List<NdArray> arrays = new ArrayList<>();
  private final List<NdArray> views = new ArrayList<>();
  private boolean closed;

  /**
   * @param size where the segment ends: with the last parameter, or the last trained one
   */
  Segment(ParameterSet parameters, ArrayMemory memory, DType dtype, long size) {
    this.parameters = parameters;
    this.memory = memory;
    this.dtype = dtype;
    this.size = size;
    for (SegmentRange range : parameters.arrays()) {
      if (range.begin() < size) {
        NdArray array =
            new NdArray(
                memory.allocate(dtype, range.size()), 0, Shape.of(Math.toIntExact(range.size())));
        memory.fill(array, 0);
        arrays.add(array);
      }
    }
    for (Parameter parameter : parameters.parameters()) {
      if (parameter.offset() < size) {
        int array = arrayAt(parameter.offset());
        views.add(
            new NdArray(
                arrays.get(array).storage(),
                parameter.offset() - parameters.arrays().get(array).begin(),
                parameter.shape()));
      }
    }
  }

  /** The index of the array that holds an element. */
  private int arrayAt(long element) {
    for (int i = 0; i < arrays.size(); i++) {
      if (element < parameters.arrays().get(i).end()) {
        return i;
      }
    }
    throw new IllegalArgumentException(
        "a segment of %d elements has no element %d".formatted(size, element));
  }

  /** The number of elements including padding. */
  public long size() {
    return size;
  }

  /** All elements including padding, in order: usually a single array. */
  public List<NdArray> arrays() {
    return List.copyOf(arrays);
  }

  /**
   * All elements including padding, of a segment in one array.
   *
   * @throws IllegalStateException when it has several: use {@link #arrays}
   */
  public NdArray flat() {
    if (arrays.size() != 1) {
      throw new IllegalStateException(
          "flat: the segment must be one array, got %d: use arrays()".formatted(arrays.size()));
    }
    return arrays.get(0);
  }

  /**
   * Elements {@code [start, end)}, which must be in one array, as all of a {@linkplain
   * ParameterSet#pieces piece} are.
   */
  public NdArray range(long start, long end) {
    int index = arrayAt(start);
    SegmentRange array = parameters.arrays().get(index);
    if (end > array.end()) {
      throw new IllegalArgumentException(
          "range: elements %d to %d must be in one array, got one that ends at %d: use pieces()"
              .formatted(start, end, array.end()));
    }
    return arrays
        .get(index)
        .slice(Math.toIntExact(start - array.begin()), Math.toIntExact(end - array.begin()));
  }

  /**
   * One parameter's elements with its shape; always the same object, so that a backend can attach
   * data derived from the content to it.
   *
   * @throws IllegalArgumentException when this holds gradients and the parameter is frozen
   */
  public NdArray view(Parameter parameter) {
    int index = parameters.require(parameter).index();
    if (index >= views.size()) {
      throw new IllegalArgumentException(parameter + " is frozen and has no gradient");
    }
    return views.get(index);
  }

  /** The parameter that an array from {@link #view} belongs to; empty for any other array. */
  public Optional<Parameter> parameterOf(NdArray view) {
    for (int i = 0; i < views.size(); i++) {
      if (views.get(i) == view) {
        return Optional.of(parameters.parameters().get(i));
      }
    }
    return Optional.empty();
  }

  /** Where the elements are. */
  public ArrayMemory memory() {
    return memory;
  }

  public DType dtype() {
    return dtype;
  }

  /** The parameters and their layout. */
  public ParameterSet parameters() {
    return parameters;
  }

  /** Writes 0 everywhere. */
  public void clear() {
    arrays.forEach(array -> memory.fill(array, 0));
  }

  /** Releases the memory; closing twice does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arrays.forEach(array -> memory.free(array.storage()));
    }
  }
}

package dev.firesteel.nn;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;

/**
 * One number for each element of each parameter, in one flat array: weights, gradients, or a
 * moment. Decayed parameters come first; each begins at a multiple of {@link
 * ParameterSet#ALIGNMENT}, and the padding between them is zero and stays so. An optimizer, a
 * gradient bucket, a shard and a checkpoint all work on ranges of {@link #flat}.
 */
public final class Segment implements AutoCloseable {
  private final ParameterSet parameters;
  private final ArrayMemory memory;
  private final Storage storage;
  private final NdArray flat;
  private final NdArray[] views;
  private boolean closed;

  Segment(ParameterSet parameters, ArrayMemory memory, DType dtype) {
    this.parameters = parameters;
    this.memory = memory;
    storage = memory.allocate(dtype, parameters.segmentSize());
    flat = new NdArray(storage, 0, Shape.of(Math.toIntExact(parameters.segmentSize())));
    memory.fill(flat, 0);
    views = new NdArray[parameters.parameters().size()];
    for (Parameter parameter : parameters.parameters()) {
      views[parameter.index()] = new NdArray(storage, parameter.offset(), parameter.shape());
    }
  }

  /** All elements with their padding: [{@link ParameterSet#segmentSize()}]. */
  public NdArray flat() {
    return flat;
  }

  /** Elements {@code [start, end)} of {@link #flat}. */
  public NdArray range(long start, long end) {
    return flat.slice(Math.toIntExact(start), Math.toIntExact(end));
  }

  /**
   * One parameter's elements under its shape; always the same object, so that a backend can hang
   * what it derives from the content on it.
   */
  public NdArray view(Parameter parameter) {
    return views[parameters.require(parameter).index()];
  }

  /** Whose gradient, or weights, an array of {@link #view} is. */
  public Parameter parameterOf(NdArray view) {
    for (Parameter parameter : parameters.parameters()) {
      if (views[parameter.index()] == view) {
        return parameter;
      }
    }
    throw new IllegalArgumentException(view + " is no parameter's view of this segment");
  }

  /** Where the elements are. */
  public ArrayMemory memory() {
    return memory;
  }

  public DType dtype() {
    return storage.dtype();
  }

  /** Which parameters, and where. */
  public ParameterSet parameters() {
    return parameters;
  }

  /** Writes 0 everywhere. */
  public void clear() {
    memory.fill(flat, 0);
  }

  /** Gives the memory back; closing twice does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      memory.free(storage);
    }
  }
}

package dev.firesteel.nn;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;

/**
 * One value per element of each parameter, in one flat array: weights, gradients, or a moment.
 * Decayed parameters come first; each is aligned to {@link ParameterSet#ALIGNMENT} elements, and
 * the padding between them is always zero. An optimizer, a gradient bucket, a shard and a
 * checkpoint all work on ranges of {@link #flat}.
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

  /** All elements including padding: [{@link ParameterSet#segmentSize()}]. */
  public NdArray flat() {
    return flat;
  }

  /** Elements {@code [start, end)} of {@link #flat}. */
  public NdArray range(long start, long end) {
    return flat.slice(Math.toIntExact(start), Math.toIntExact(end));
  }

  /**
   * One parameter's elements with its shape; always the same object, so that a backend can attach
   * data derived from the content to it.
   */
  public NdArray view(Parameter parameter) {
    return views[parameters.require(parameter).index()];
  }

  /** The parameter that an array from {@link #view} belongs to. */
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

  /** The parameters and their layout. */
  public ParameterSet parameters() {
    return parameters;
  }

  /** Writes 0 everywhere. */
  public void clear() {
    memory.fill(flat, 0);
  }

  /** Releases the memory; closing twice does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      memory.free(storage);
    }
  }
}

package dev.firesteel.nn;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model's parameters: first declared (names, shapes and offsets, no memory), then allocated on a
 * backend with all weights in one {@link Segment}.
 *
 * <pre>{@code
 * ParameterSet.Builder declaration = ParameterSet.builder();
 * Linear layer = new Linear(declaration, "layer", 64, 32, true, Initializer.normal(0.02));
 * ParameterSet parameters = declaration.build();
 * parameters.allocate(backend, DType.F32);
 * parameters.initialize(seed);
 * Segment gradients = parameters.newSegment();
 * }</pre>
 */
public final class ParameterSet implements AutoCloseable {
  /** Each parameter is aligned to this many elements: one cache line of floats. */
  public static final int ALIGNMENT = 16;

  private static final int INITIALIZATION_CHUNK = 1 << 20;

  private final List<Parameter> parameters;
  private final Map<String, Parameter> byName = new LinkedHashMap<>();
  private final long count;
  private final long decayedSize;
  private final long segmentSize;
  private Backend backend;
  private Segment weights;

  private ParameterSet(List<Parameter> declared) {
    List<Parameter> ordered = new ArrayList<>(declared.size());
    declared.stream().filter(Parameter::decayed).forEach(ordered::add);
    int decayed = ordered.size();
    declared.stream().filter(parameter -> !parameter.decayed()).forEach(ordered::add);
    parameters = List.copyOf(ordered);
    long offset = 0;
    long elements = 0;
    long decayedEnd = 0;
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      parameter.place(i, offset);
      byName.put(parameter.name(), parameter);
      elements += parameter.size();
      offset += (parameter.size() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
      if (i < decayed) {
        decayedEnd = offset;
      }
    }
    count = elements;
    decayedSize = decayedEnd;
    segmentSize = offset;
  }

  /** Where modules declare their parameters. */
  public static Builder builder() {
    return new Builder();
  }

  /** All parameters in the order of their offsets: the decayed first. */
  public List<Parameter> parameters() {
    return parameters;
  }

  /**
   * The parameter with a name.
   *
   * @throws IllegalArgumentException when there is none
   */
  public Parameter parameter(String name) {
    Parameter parameter = byName.get(name);
    if (parameter == null) {
      throw new IllegalArgumentException(
          "no parameter is named " + name + "; there are " + byName.keySet());
    }
    return parameter;
  }

  /** Whether a parameter has this name. */
  public boolean contains(String name) {
    return byName.containsKey(name);
  }

  /** The number of trained values, without padding. */
  public long count() {
    return count;
  }

  /** The number of elements of a segment, with padding. */
  public long segmentSize() {
    return segmentSize;
  }

  /** Where in a segment the decayed parameters end and the others begin. */
  public long decayedSize() {
    return decayedSize;
  }

  /** Allocates the weights, all 0 until {@link #initialize} or a checkpoint fills them. */
  public void allocate(Backend on, DType dtype) {
    if (weights != null) {
      throw new IllegalStateException("the weights are allocated already");
    }
    if (segmentSize > Integer.MAX_VALUE) {
      throw UserException.usage(
          "a model may have at most "
              + Integer.MAX_VALUE
              + " parameters to be held in memory, got "
              + count
              + ": choose a smaller model");
    }
    backend = on;
    weights = new Segment(this, on, dtype);
  }

  /** Fills the weights with their initial values for {@code seed}. */
  public void initialize(long seed) {
    Segment target = weights();
    for (Parameter parameter : parameters) {
      NdArray view = target.view(parameter);
      if (parameter.initializer().isConstant()) {
        backend.fill(view, parameter.initializer().value());
      } else {
        draw(parameter, seed, view);
      }
    }
  }

  private void draw(Parameter parameter, long seed, NdArray view) {
    int columns = parameter.shape().last();
    int rows = parameter.shape().rows();
    NdArray matrix = view.reshape(Shape.of(rows, columns));
    int chunk = Math.min(rows, Math.max(1, INITIALIZATION_CHUNK / columns));
    float[] values = new float[Math.multiplyExact(chunk, columns)];
    for (int start = 0; start < rows; start += chunk) {
      int end = Math.min(rows, start + chunk);
      parameter.initializer().draw(parameter.name(), seed, start, end, columns, values);
      backend.upload(values, 0, matrix.slice(start, end));
    }
  }

  /** The weights. */
  public Segment weights() {
    if (weights == null) {
      throw new IllegalStateException("the parameters are declared but not allocated");
    }
    return weights;
  }

  /** Another segment of the same layout and element type, all 0: gradients, a moment. */
  public Segment newSegment() {
    return new Segment(this, backend(), weights().dtype());
  }

  /** A segment as {@link #newSegment()} gives, in another memory. */
  public Segment newSegment(ArrayMemory on) {
    return new Segment(this, on, weights().dtype());
  }

  /** The weights' backend. */
  public Backend backend() {
    weights();
    return backend;
  }

  Parameter require(Parameter parameter) {
    int index = parameter.index();
    if (index < 0 || index >= parameters.size() || parameters.get(index) != parameter) {
      throw new IllegalArgumentException(parameter + " is not a parameter of this set");
    }
    return parameter;
  }

  /** Releases the weights' memory. Segments from {@link #newSegment} belong to their callers. */
  @Override
  public void close() {
    if (weights != null) {
      weights.close();
    }
  }

  /** Collects declarations; names must differ. */
  public static final class Builder {
    private final Map<String, Parameter> declared = new LinkedHashMap<>();
    private boolean built;

    private Builder() {}

    /** Declares one parameter. */
    public Parameter declare(String name, Shape shape, Initializer initializer) {
      if (built) {
        throw new IllegalStateException("parameter " + name + " is declared after build()");
      }
      Parameter parameter = new Parameter(name, shape, initializer);
      if (declared.putIfAbsent(name, parameter) != null) {
        throw new IllegalStateException("parameter " + name + " is declared twice");
      }
      return parameter;
    }

    /** Assigns the offsets; nothing may be declared afterwards. */
    public ParameterSet build() {
      built = true;
      return new ParameterSet(new ArrayList<>(declared.values()));
    }
  }
}

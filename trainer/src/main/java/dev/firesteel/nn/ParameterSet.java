package dev.firesteel.nn;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A model's parameters: first declared (names, shapes and offsets, no memory), then allocated on a
 * backend with all weights in one {@link Segment}.
 *
 * <p>A segment holds the trained parameters with weight decay, then the other trained ones, then
 * the frozen ones, each part in order of declaration. So gradients and moments cover its beginning,
 * {@code [0, trainedSize)}, and weight decay applies to {@code [0, decayedSize)}.
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

  /**
   * Elements of the longest array: the largest multiple of {@link #ALIGNMENT} that a Java array
   * holds on every JVM.
   */
  private static final long ARRAY_LIMIT = (Integer.MAX_VALUE - 8) / ALIGNMENT * ALIGNMENT;

  private static final int INITIALIZATION_CHUNK = 1 << 20;

  private final List<Parameter> parameters;
  private final Map<String, Parameter> byName = new LinkedHashMap<>();
  private final List<SegmentRange> arrays = new ArrayList<>();
  private final long arrayLimit;
  private final int trained;
  private final long decayedSize;
  private final long trainedSize;
  private final long segmentSize;
  private Backend backend;
  private Segment weights;

  private ParameterSet(List<Parameter> declared, long arrayLimit) {
    this.arrayLimit = arrayLimit;
    List<Parameter> ordered = new ArrayList<>(declared.size());
    declared.stream().filter(p -> p.trainable() && p.decayed()).forEach(ordered::add);
    int decayed = ordered.size();
    declared.stream().filter(p -> p.trainable() && !p.decayed()).forEach(ordered::add);
    trained = ordered.size();
    declared.stream().filter(p -> !p.trainable()).forEach(ordered::add);
    parameters = List.copyOf(ordered);
    decayedSize = place(0, decayed, 0);
    trainedSize = place(decayed, trained, decayedSize);
    segmentSize = place(trained, parameters.size(), trainedSize);
    cut();
  }

  /** Places parameters {@code [first, last)} from an offset on; returns where they end. */
  private long place(int first, int last, long from) {
    long offset = from;
    for (int i = first; i < last; i++) {
      Parameter parameter = parameters.get(i);
      parameter.place(i, offset);
      byName.put(parameter.name(), parameter);
      offset += paddedSize(parameter);
    }
    return offset;
  }

  private static long paddedSize(Parameter parameter) {
    return (parameter.size() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /**
   * Cuts a segment into as few arrays as hold whole parameters. Frozen ones have arrays of their
   * own: no update writes to these, so what a backend derives from them stays valid.
   */
  private void cut() {
    long begin = 0;
    for (Parameter parameter : parameters) {
      boolean full = parameter.offset() + paddedSize(parameter) - begin > arrayLimit;
      boolean frozen = parameter.offset() == trainedSize;
      if (parameter.offset() > begin && (full || frozen)) {
        arrays.add(new SegmentRange(begin, parameter.offset()));
        begin = parameter.offset();
      }
    }
    if (segmentSize > begin) {
      arrays.add(new SegmentRange(begin, segmentSize));
    }
  }

  /** Where modules declare their parameters. */
  public static Builder builder() {
    return new Builder(ARRAY_LIMIT);
  }

  /** As above, with arrays of at most {@code arrayLimit} elements. */
  static Builder builder(long arrayLimit) {
    return new Builder(arrayLimit);
  }

  /** All parameters in the order of their offsets. */
  public List<Parameter> parameters() {
    return parameters;
  }

  /** The parameters that are not frozen, in the order of their offsets: the decayed first. */
  public List<Parameter> trained() {
    return parameters.subList(0, trained);
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

  /** The number of values of all parameters, without padding. */
  public long count() {
    return count(parameters);
  }

  /** The number of values that training changes, without padding. */
  public long trainedCount() {
    return count(trained());
  }

  private static long count(List<Parameter> of) {
    return of.stream().mapToLong(Parameter::size).sum();
  }

  /** The number of elements of the weights, with padding. */
  public long segmentSize() {
    return segmentSize;
  }

  /** Where in a segment the trained parameters end: the number of elements of a gradient. */
  public long trainedSize() {
    return trainedSize;
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
    for (Parameter parameter : parameters) {
      if (paddedSize(parameter) > arrayLimit) {
        throw UserException.usage(
            "parameter %s may have at most %d elements to be held in one array, got %d: choose a smaller model or vocabulary"
                .formatted(parameter.name(), arrayLimit, parameter.size()));
      }
    }
    backend = on;
    weights = new Segment(this, on, dtype, segmentSize);
  }

  /** The arrays that the weights consist of, by their elements in the segment. */
  public List<SegmentRange> arrays() {
    return Collections.unmodifiableList(arrays);
  }

  /** The most elements of one array. */
  public long arrayLimit() {
    return arrayLimit;
  }

  /** The parts of a range that are each in one array, in order. */
  public List<SegmentRange> pieces(SegmentRange range) {
    List<SegmentRange> pieces = new ArrayList<>();
    for (SegmentRange array : arrays) {
      long begin = Math.max(range.begin(), array.begin());
      long end = Math.min(range.end(), array.end());
      if (begin < end) {
        pieces.add(new SegmentRange(begin, end));
      }
    }
    return pieces;
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

  /** A segment for the gradients of the trained parameters, of the weights' type, all 0. */
  public Segment newSegment() {
    return new Segment(this, backend(), weights().dtype(), trainedSize);
  }

  /** A segment like {@link #weights()} in another memory, all 0. */
  public Segment newWeights(ArrayMemory on) {
    return new Segment(this, on, weights().dtype(), segmentSize);
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
    private final long arrayLimit;
    private ParameterSet built;

    private Builder(long arrayLimit) {
      this.arrayLimit = arrayLimit;
    }

    /** Declares one parameter, with weight decay if it has a rank of 2 or more. */
    public Parameter declare(String name, Shape shape, Initializer initializer) {
      return declare(name, shape, initializer, shape.rank() >= 2);
    }

    /** Declares one parameter to which weight decay does not apply, whatever its rank. */
    public Parameter declareWithoutDecay(String name, Shape shape, Initializer initializer) {
      return declare(name, shape, initializer, false);
    }

    private Parameter declare(String name, Shape shape, Initializer initializer, boolean decayed) {
      requireOpen("parameter " + name + " is declared");
      Parameter parameter = new Parameter(name, shape, initializer, decayed);
      if (declared.putIfAbsent(name, parameter) != null) {
        throw new IllegalStateException("parameter " + name + " is declared twice");
      }
      return parameter;
    }

    /** The names declared so far, in order. */
    public Set<String> names() {
      return Collections.unmodifiableSet(declared.keySet());
    }

    /**
     * Freezes the parameters declared so far whose names match: training leaves their weights as
     * they are. What is declared afterwards is trained.
     *
     * @param names such as a {@link NamePattern}
     * @throws UserException when no name matches: nothing would be frozen
     */
    public void freeze(Predicate<String> names) {
      requireOpen("parameters are frozen");
      List<Parameter> matching =
          declared.values().stream().filter(parameter -> names.test(parameter.name())).toList();
      if (matching.isEmpty()) {
        throw UserException.usage(
            "what is frozen must match the name of a parameter, got %s and the parameters %s"
                .formatted(names, declared.keySet()));
      }
      matching.forEach(Parameter::freeze);
    }

    private void requireOpen(String what) {
      if (built != null) {
        throw new IllegalStateException(what + " after build()");
      }
    }

    /** Assigns the offsets; nothing may be declared afterwards. Further calls return the same. */
    public ParameterSet build() {
      if (built == null) {
        built = new ParameterSet(new ArrayList<>(declared.values()), arrayLimit);
      }
      return built;
    }

    /**
     * What {@link #build} returned.
     *
     * @throws IllegalStateException before it was called
     */
    public ParameterSet built() {
      if (built == null) {
        throw new IllegalStateException(
            "the parameters are still being declared: call build() on their builder first");
      }
      return built;
    }
  }
}

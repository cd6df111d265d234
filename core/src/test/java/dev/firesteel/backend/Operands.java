package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The operands of one kernel call on one backend, made from a seed: the same calls in the same
 * order give the same values on every backend and for either element type. Each array is a view
 * with {@code pad} elements before and after it, which {@link #verify} finds untouched.
 */
final class Operands {
  private static final double GUARD = -777.25;

  private enum Role {
    INPUT,
    RESULT,
    BOTH
  }

  private static final class Operand {
    private final Role role;
    private final NdArray whole;
    private final NdArray view;
    private final double[] before;
    private final long version;

    private Operand(Role role, NdArray whole, NdArray view, double[] before) {
      this.role = role;
      this.whole = whole;
      this.view = view;
      this.before = before;
      this.version = whole.storage().version();
    }
  }

  private final Backend backend;
  private final DType dtype;
  private final int pad;
  private final RandomStream random;
  private final List<Operand> operands = new ArrayList<>();
  private final List<Storage> integers = new ArrayList<>();

  Operands(Backend backend, DType dtype, int pad, long seed) {
    this.backend = backend;
    this.dtype = dtype;
    this.pad = pad;
    this.random = RandomStream.of(seed, "operands");
  }

  /** Standard normals. */
  NdArray normal(int... dims) {
    return normalAround(0, 1, dims);
  }

  NdArray normalAround(double mean, double deviation, int... dims) {
    return numbers(Role.INPUT, normals(mean, deviation, dims), dims);
  }

  /** Ids, targets or positions in {@code [low, high)}. */
  NdArray integers(int low, int high, int... dims) {
    Shape shape = Shape.of(dims);
    int[] values = new int[(int) shape.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = low + random.nextInt(high - low);
    }
    return integersOf(values, dims);
  }

  NdArray integersOf(int[] values, int... dims) {
    Shape shape = Shape.of(dims);
    int[] padded = new int[values.length + 2 * pad];
    System.arraycopy(values, 0, padded, pad, values.length);
    Storage storage = backend.allocate(DType.I32, padded.length);
    integers.add(storage);
    backend.upload(padded, 0, new NdArray(storage, 0, Shape.of(padded.length)));
    return new NdArray(storage, pad, shape);
  }

  /** A result: NaN where the kernel must overwrite it, normals where it must add. */
  NdArray result(Write write, int... dims) {
    return switch (write) {
      case SET -> {
        double[] values = new double[(int) Shape.of(dims).size()];
        Arrays.fill(values, Double.NaN);
        yield numbers(Role.RESULT, values, dims);
      }
      case ADD -> numbers(Role.BOTH, normals(0, 1, dims), dims);
    };
  }

  NdArray result(int... dims) {
    return result(Write.SET, dims);
  }

  /** An operand that the kernel reads and then writes: in-place calls, moments, caches. */
  NdArray both(int... dims) {
    return numbers(Role.BOTH, normals(0, 1, dims), dims);
  }

  /** As {@link #both}, with squares of normals. */
  NdArray bothPositive(int... dims) {
    double[] values = normals(0, 1, dims);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] * values[i]);
    }
    return numbers(Role.BOTH, values, dims);
  }

  private double[] normals(double mean, double deviation, int... dims) {
    double[] values = new double[(int) Shape.of(dims).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return values;
  }

  private NdArray numbers(Role role, double[] values, int... dims) {
    double[] padded = new double[values.length + 2 * pad];
    Arrays.fill(padded, GUARD);
    System.arraycopy(values, 0, padded, pad, values.length);
    Storage storage = backend.allocate(dtype, padded.length);
    NdArray whole = new NdArray(storage, 0, Shape.of(padded.length));
    backend.upload(padded, 0, whole);
    NdArray view = new NdArray(storage, pad, Shape.of(dims));
    operands.add(new Operand(role, whole, view, padded));
    return view;
  }

  /** The values of all results, in the order they were made. */
  List<double[]> results() {
    List<double[]> results = new ArrayList<>();
    for (Operand operand : operands) {
      if (operand.role != Role.INPUT) {
        double[] values = new double[(int) operand.view.size()];
        backend.download(operand.view, values, 0);
        results.add(values);
      }
    }
    return results;
  }

  /** Gives all arrays back. */
  void free() {
    operands.forEach(operand -> backend.free(operand.whole.storage()));
    integers.forEach(backend::free);
  }

  /** Inputs and guards are as before, and every result's storage is marked as written. */
  void verify(String what) {
    for (int n = 0; n < operands.size(); n++) {
      Operand operand = operands.get(n);
      double[] after = new double[operand.before.length];
      backend.download(operand.whole, after, 0);
      boolean input = operand.role == Role.INPUT;
      for (int i = 0; i < after.length; i++) {
        boolean guard = i < pad || i >= after.length - pad;
        if ((input || guard) && after[i] != operand.before[i]) {
          throw new AssertionError(
              what
                  + ": operand "
                  + n
                  + " "
                  + operand.view
                  + (guard ? " was written outside, " : " is an input but was written, ")
                  + "at index "
                  + (i - pad));
        }
      }
      if (!input) {
        assertThat(operand.whole.storage().version())
            .as("%s: operand %s %s is marked as written", what, n, operand.view)
            .isGreaterThan(operand.version);
      }
    }
  }
}

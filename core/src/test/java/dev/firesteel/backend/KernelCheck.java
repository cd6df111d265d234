package dev.firesteel.backend;

import dev.firesteel.array.DType;
import dev.firesteel.backend.reference.ReferenceBackend;
import java.util.List;
import java.util.Locale;

/**
 * Runs kernels of a backend, in F32, against the reference in F64 on the same values. Each call
 * also shows that inputs and the memory around results stay as they were, that results are marked
 * as written, and that a second run, on views with an offset, gives the same bits.
 *
 * <p>For a backend that computes products in a lower precision, {@link #productTolerance} and, if
 * it applies there, {@link #attentionTolerance} are overridden.
 */
public class KernelCheck {
  static final int[] SIZES = {1, 13, 207, 1024};
  static final int[] ROWS = {1, 63, 64, 65, 130};

  /** Of views in their storage: odd, so that no vector is aligned. */
  private static final int OFFSET = 3;

  static final double EPSILON = 1e-5;

  private final Backend reference = new ReferenceBackend();
  private final Backend backend;
  private long seed;

  public KernelCheck(Backend backend) {
    this.backend = backend;
  }

  /** The backend that is tested. */
  Backend backend() {
    return backend;
  }

  /** What it is compared with. */
  Backend reference() {
    return reference;
  }

  /** Largest error of a kernel that sums nothing, relative to max(1, |exact|). */
  public double elementwiseTolerance() {
    return 2e-6;
  }

  /**
   * Largest error of a float32 sum of {@code terms} products of standard normals: each of the
   * roundings is at most half an ulp of a partial sum of size sqrt(terms).
   */
  public double sumTolerance(int terms) {
    return 4 * (terms + 8) * 0x1p-24;
  }

  /** As {@link #sumTolerance} for linear, matmul and linearCrossEntropy. */
  public double productTolerance(int terms) {
    return sumTolerance(terms);
  }

  /** As {@link #sumTolerance} for attention over {@code terms} keys or columns. */
  public double attentionTolerance(int terms) {
    return sumTolerance(terms);
  }

  /** Whether a row of a product has the same bits in any batch of rows. */
  public boolean rowsKeepTheirBits() {
    return true;
  }

  /** Of kernels whose row sums are means, so that their length does not matter. */
  double rowTolerance() {
    return sumTolerance(64);
  }

  /** One kernel call, or several that build on each other. */
  @FunctionalInterface
  interface Kernel {
    void run(Backend b, Operands o);
  }

  /**
   * Runs a kernel on the reference in F64 and on the backend in F32, twice, and compares.
   *
   * @param tolerance of each result, relative to max(1, |exact|)
   */
  void check(double tolerance, Kernel kernel, String format, Object... arguments) {
    seed++;
    String what = String.format(Locale.ROOT, format, arguments) + ", seed " + seed;
    List<double[]> want = run(reference, DType.F64, 0, kernel, what);
    List<double[]> got = run(backend, DType.F32, 0, kernel, what);
    List<double[]> moved = run(backend, DType.F32, OFFSET, kernel, what + ", offset " + OFFSET);
    for (int n = 0; n < want.size(); n++) {
      for (int i = 0; i < want.get(n).length; i++) {
        compare(what, n, i, got.get(n)[i], want.get(n)[i], tolerance);
        if (Double.compare(got.get(n)[i], moved.get(n)[i]) != 0) {
          throw new AssertionError(
              String.format(
                  Locale.ROOT,
                  "%s: bits must not depend on the run or the operands' offset, got %s and, at"
                      + " offset %d, %s at [%d] of result %d",
                  what,
                  got.get(n)[i],
                  OFFSET,
                  moved.get(n)[i],
                  i,
                  n));
        }
      }
    }
  }

  private List<double[]> run(Backend on, DType dtype, int pad, Kernel kernel, String what) {
    Operands operands = new Operands(on, dtype, pad, seed);
    kernel.run(on, operands);
    operands.verify(what);
    List<double[]> results = operands.results();
    operands.free();
    return results;
  }

  private static void compare(
      String what, int result, int i, double got, double want, double tolerance) {
    double error = Math.abs(got - want) / Math.max(1, Math.abs(want));
    // Negated, so that NaN fails.
    if (!(error <= tolerance)) {
      throw new AssertionError(
          String.format(
              Locale.ROOT,
              "%s: result %d at [%d] is %s, the reference says %s: error %.3g > %.3g",
              what,
              result,
              i,
              got,
              want,
              error,
              tolerance));
    }
  }
}

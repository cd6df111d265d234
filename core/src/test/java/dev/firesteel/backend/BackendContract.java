package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.reference.ReferenceBackend;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What every backend must keep: each kernel, in F32, against the reference in F64 on the same
 * values, for awkward sizes, both write modes, views with offsets and every permitted aliasing.
 * Each call also shows that inputs and the memory around results stay as they were, that results
 * are marked as written, and that a second run, on views with an offset, gives the same bits.
 *
 * <p>A backend's test extends this class and gives the backend; one that computes products in a
 * lower precision overrides {@link #productTolerance} and, if it applies there, {@link
 * #attentionTolerance}.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendContract {
  private static final int[] SIZES = {1, 13, 207, 1024};
  private static final int[] ROWS = {1, 63, 64, 65, 130};

  /** Of views in their storage: odd, so that no vector is aligned. */
  private static final int OFFSET = 3;

  private static final double EPSILON = 1e-5;

  private final Backend reference = new ReferenceBackend();
  private Backend backend;
  private long seed;

  /** The backend to be tested; closed after the last test. */
  protected abstract Backend createBackend();

  /** Largest error of a kernel that sums nothing, relative to max(1, |exact|). */
  protected double elementwiseTolerance() {
    return 2e-6;
  }

  /**
   * Largest error of a float32 sum of {@code terms} products of standard normals: each of the
   * roundings is at most half an ulp of a partial sum of size sqrt(terms).
   */
  protected double sumTolerance(int terms) {
    return 4 * (terms + 8) * 0x1p-24;
  }

  /** As {@link #sumTolerance} for linear, matmul and linearCrossEntropy. */
  protected double productTolerance(int terms) {
    return sumTolerance(terms);
  }

  /** As {@link #sumTolerance} for attention over {@code terms} keys or columns. */
  protected double attentionTolerance(int terms) {
    return sumTolerance(terms);
  }

  /** Of kernels whose row sums are means, so that their length does not matter. */
  private double rowTolerance() {
    return sumTolerance(64);
  }

  @BeforeAll
  final void create() {
    backend = createBackend();
  }

  @AfterAll
  final void close() {
    backend.close();
  }

  /** One kernel call, or several that build on each other. */
  @FunctionalInterface
  private interface Kernel {
    void run(Backend b, Operands o);
  }

  private void check(double tolerance, Kernel kernel, String format, Object... arguments) {
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

  // ---- host and back

  @Test
  void uploadsAndDownloadsParts() {
    float[] floats = {1, 2.5f, -3, 4, 5};
    NdArray array = new NdArray(backend.allocate(DType.F32, 7), 2, Shape.of(3));
    backend.upload(floats, 1, array);
    float[] floatsBack = new float[5];
    double[] doublesBack = new double[5];
    backend.download(array, floatsBack, 2);
    backend.download(array, doublesBack, 1);
    assertThat(floatsBack).containsExactly(0, 0, 2.5f, -3, 4);
    assertThat(doublesBack).containsExactly(0, 2.5, -3, 4, 0);

    backend.upload(new double[] {0, 0.1, 0.2, 0.3}, 1, array);
    backend.download(array, floatsBack, 0);
    assertThat(floatsBack).startsWith(0.1f, 0.2f, 0.3f);

    NdArray ints = new NdArray(backend.allocate(DType.I32, 5), 1, Shape.of(2));
    backend.upload(new int[] {7, 8, 9}, 1, ints);
    int[] intsBack = new int[4];
    backend.download(ints, intsBack, 1);
    assertThat(intsBack).containsExactly(0, 8, 9, 0);
  }

  @Test
  void supportsWhatTrainingNeeds() {
    assertThat(backend.supports(DType.F32)).isTrue();
    assertThat(backend.supports(DType.I32)).isTrue();
    assertThat(backend.description()).isNotBlank();
  }

  // ---- copies and elementwise

  @Test
  void fillAndCopyAreExact() {
    for (int n : SIZES) {
      check(0, (b, o) -> b.fill(o.result(n), 1.5), "fill %d", n);
      check(0, (b, o) -> b.elementwise().copy(o.normal(n, 2), o.result(2 * n)), "copy %d", n);
    }
  }

  @Test
  void copyColumnsMovesAndAdds() {
    for (Write write : Write.values()) {
      for (int rows : ROWS) {
        check(
            elementwiseTolerance(),
            (b, o) -> b.elementwise().copyColumns(o.normal(rows, 20), 3, o.both(rows, 31), 7, 13, write),
            "copyColumns %s, rows %d",
            write,
            rows);
      }
      check(
          elementwiseTolerance(),
          (b, o) -> b.elementwise().copyColumns(o.normal(5, 1), 0, o.result(write, 5, 1), 0, 1, write),
          "copyColumns %s of single columns",
          write);
      check(
          elementwiseTolerance(),
          (b, o) -> b.elementwise().copyColumns(o.normal(3, 207), 0, o.result(write, 3, 207), 0, 207, write),
          "copyColumns %s of whole rows",
          write);
    }
  }

  @Test
  void addRepeatsATrailingShape() {
    for (int n : SIZES) {
      check(
          elementwiseTolerance(),
          (b, o) -> b.elementwise().add(o.normal(n), o.normal(n), o.result(n)),
          "add %d",
          n);
      for (int rows : ROWS) {
        check(
            elementwiseTolerance(),
            (b, o) -> b.elementwise().add(o.normal(rows, n), o.normal(n), o.result(rows, n)),
            "add [%d, %d] + [%d]",
            rows,
            n,
            n);
      }
    }
  }

  @Test
  void addScaledMultiplyAndScale() {
    for (int n : SIZES) {
      double t = elementwiseTolerance();
      check(t, (b, o) -> b.elementwise().addScaled(-1.7, o.normal(n), o.both(n)), "addScaled %d", n);
      check(t, (b, o) -> b.elementwise().addScaled(1, o.normal(n), o.both(n)), "addScaled by 1, %d", n);
      check(t, (b, o) -> b.elementwise().multiply(o.normal(n), o.normal(n), o.result(n)), "multiply %d", n);
      check(
          t,
          (b, o) -> {
            NdArray a = o.both(n);
            b.elementwise().multiply(a, o.normal(n), a);
          },
          "multiply in place of a, %d",
          n);
      check(
          t,
          (b, o) -> {
            NdArray a = o.both(n);
            b.elementwise().multiply(o.normal(n), a, a);
          },
          "multiply in place of b, %d",
          n);
      check(t, (b, o) -> b.elementwise().scale(0.3, o.normal(n), o.result(n)), "scale %d", n);
      check(
          t,
          (b, o) -> {
            NdArray x = o.both(n);
            b.elementwise().scale(0.3, x, x);
          },
          "scale in place %d",
          n);
    }
  }

  @Test
  void activationsAndTheirGradients() {
    double t = elementwiseTolerance();
    for (Activation f : Activation.values()) {
      for (int n : SIZES) {
        check(t, (b, o) -> b.elementwise().activation(f, o.normalAround(0, 3, n), o.result(n)), "%s %d", f, n);
        check(
            t,
            (b, o) -> {
              NdArray x = o.both(n);
              b.elementwise().activation(f, x, x);
            },
            "%s in place %d",
            f,
            n);
        check(
            t,
            (b, o) ->
                b.elementwise().activationBackward(
                    f, o.normalAround(0, 3, n), o.normal(n), o.result(n), null, Write.SET),
            "%s backward %d",
            f,
            n);
        check(
            t,
            (b, o) -> {
              NdArray x = o.both(n);
              b.elementwise().activationBackward(f, x, o.normal(n), x, null, Write.SET);
            },
            "%s backward in place of x %d",
            f,
            n);
        check(
            t,
            (b, o) -> {
              NdArray dy = o.both(n);
              b.elementwise().activationBackward(f, o.normal(n), dy, dy, null, Write.SET);
            },
            "%s backward in place of dy %d",
            f,
            n);
      }
    }
  }

  @Test
  void activationGradientsAreSummedForTheBias() {
    for (Activation f : Activation.values()) {
      for (Write write : Write.values()) {
        for (int rows : new int[] {1, 64, 130}) {
          for (int width : new int[] {1, 13, 207}) {
            check(
                sumTolerance(rows),
                (b, o) -> {
                  NdArray x = o.both(rows, width);
                  NdArray dy = o.normal(rows, width);
                  b.elementwise().activationBackward(f, x, dy, x, o.result(write, width), write);
                },
                "%s backward with bias %s [%d, %d]",
                f,
                write,
                rows,
                width);
          }
        }
      }
    }
  }

  @Test
  void activationsOfExtremeValuesAreFinite() {
    double[] extremes = {
      0, -0.0, 1e-30, -1e-30, 5, -5, 9, -9, 12, -12, 40, -40, 90, -90, 1e4, -1e4
    };
    for (Activation f : Activation.values()) {
      check(
          elementwiseTolerance(),
          (b, o) -> {
            NdArray x = o.both(extremes.length);
            b.upload(extremes, 0, x);
            b.elementwise().activation(f, x, o.result(extremes.length));
            NdArray dy = o.result(extremes.length);
            b.fill(dy, 1);
            b.elementwise().activationBackward(f, x, dy, o.result(extremes.length), null, Write.SET);
          },
          "%s of extreme values",
          f);
    }
  }

  @Test
  void swiGluAndItsGradient() {
    for (int rows : ROWS) {
      for (int width : new int[] {1, 13, 64, 207}) {
        check(
            elementwiseTolerance(),
            (b, o) -> b.elementwise().swiGlu(o.normal(rows, 2 * width), o.result(rows, width)),
            "swiGlu [%d, %d]",
            rows,
            width);
        check(
            elementwiseTolerance(),
            (b, o) ->
                b.elementwise().swiGluBackward(
                    o.normal(rows, 2 * width), o.normal(rows, width), o.result(rows, 2 * width)),
            "swiGluBackward [%d, %d]",
            rows,
            width);
      }
    }
  }

  @Test
  void dropoutDrawsTheSameMask() {
    for (int n : SIZES) {
      for (double p : new double[] {0, 0.1, 0.5, 0.9}) {
        check(
            elementwiseTolerance(),
            (b, o) -> b.elementwise().dropout(o.normal(n), 0x1234_5678_9abc_def0L + n, p, o.result(n)),
            "dropout %s of %d",
            p,
            n);
      }
    }
  }

  // ---- reductions

  @Test
  void sumRowsSumsEachColumn() {
    for (Write write : Write.values()) {
      for (int rows : new int[] {1, 63, 64, 65, 130, 1024}) {
        for (int width : SIZES) {
          check(
              sumTolerance(rows),
              (b, o) -> b.reductions().sumRows(o.normal(rows, width), o.result(write, width), write),
              "sumRows %s [%d, %d]",
              write,
              rows,
              width);
        }
      }
    }
  }

  @Test
  void sumAndSumOfSquares() {
    for (int n : new int[] {1, 13, 207, 1024, 65536, 65537, 150_001}) {
      check(sumTolerance(n), (b, o) -> b.reductions().sum(o.normal(n), o.result()), "sum %d", n);
      Operands subject = new Operands(backend, DType.F32, 3, n);
      Operands oracle = new Operands(reference, DType.F64, 3, n);
      double got = backend.reductions().sumOfSquares(subject.normal(n));
      assertThat(got)
          .as("sumOfSquares of %s", n)
          .isEqualTo(backend.reductions().sumOfSquares(new Operands(backend, DType.F32, 0, n).normal(n)))
          .isCloseTo(reference.reductions().sumOfSquares(oracle.normal(n)), within(1e-12 * got));
    }
  }

  // ---- matrix products

  /** All that is said here of matrix products, for a backend that has several kernels of them. */
  protected final void checkProducts() {
    linearWithEveryEpilogue();
    linearReadsLeadingAxesAsRows();
    linearBackward();
    linearSeesAWeightThatWasWritten();
    matmulWithEveryTransposition();
    linearCrossEntropyAndItsGradients();
    linearCrossEntropyAddsUpItsChunksOfRows();
  }

  /** Rows, inner and output columns: below, at and above tiles and K blocks. */
  private static final int[][] PRODUCTS = {
    {1, 1, 1},
    {1, 64, 207},
    {2, 3, 5},
    {13, 13, 13},
    {63, 31, 33},
    {64, 64, 64},
    {65, 207, 65},
    {130, 256, 70},
    {67, 257, 31},
    {207, 13, 207},
    {33, 600, 97},
    {5, 1024, 1},
    {128, 40, 515}
  };

  @Test
  void linearWithEveryEpilogue() {
    for (int[] p : PRODUCTS) {
      for (Activation f : Activation.values()) {
        for (boolean biased : new boolean[] {false, true}) {
          for (boolean kept : new boolean[] {false, true}) {
            check(
                productTolerance(p[1] + 1),
                (b, o) ->
                    b.products().linear(
                        o.normal(p[0], p[1]),
                        o.normal(p[2], p[1]),
                        biased ? o.normal(p[2]) : null,
                        f,
                        kept ? o.result(p[0], p[2]) : null,
                        o.result(p[0], p[2])),
                "linear M %d K %d N %d, %s, bias %s, kept %s",
                p[0],
                p[1],
                p[2],
                f,
                biased,
                kept);
          }
        }
      }
    }
  }

  @Test
  void linearReadsLeadingAxesAsRows() {
    check(
        productTolerance(13),
        (b, o) ->
            b.products().linear(
                o.normal(2, 3, 5, 13),
                o.normal(7, 13),
                null,
                Activation.IDENTITY,
                null,
                o.result(2, 3, 5, 7)),
        "linear of rank 4");
  }

  @Test
  void linearBackward() {
    for (int[] p : PRODUCTS) {
      for (Write write : Write.values()) {
        check(
            productTolerance(p[2]),
            (b, o) ->
                b.products().linearBackwardInput(
                    o.normal(p[0], p[2]), o.normal(p[2], p[1]), o.result(write, p[0], p[1]), write),
            "linearBackwardInput %s M %d K %d N %d",
            write,
            p[0],
            p[1],
            p[2]);
        check(
            productTolerance(p[0]),
            (b, o) ->
                b.products().linearBackwardWeight(
                    o.normal(p[0], p[2]), o.normal(p[0], p[1]), o.result(write, p[2], p[1]), write),
            "linearBackwardWeight %s M %d K %d N %d",
            write,
            p[0],
            p[1],
            p[2]);
      }
    }
  }

  @Test
  void linearSeesAWeightThatWasWritten() {
    // Packed or converted copies of a weight must not outlive its content.
    check(
        productTolerance(65),
        (b, o) -> {
          NdArray x = o.normal(33, 65);
          NdArray w = o.both(40, 65);
          b.products().linear(x, w, null, Activation.IDENTITY, null, o.result(33, 40));
          b.elementwise().scale(-2, w, w);
          b.products().linear(x, w, null, Activation.IDENTITY, null, o.result(33, 40));
          b.products().linearBackwardInput(o.normal(33, 40), w, o.result(33, 65), Write.SET);
          b.elementwise().addScaled(1, o.normal(40, 65), w);
          b.products().linearBackwardInput(o.normal(33, 40), w, o.result(33, 65), Write.SET);
        },
        "linear after its weight was written");
  }

  @Test
  void matmulWithEveryTransposition() {
    int[][] shapes = {
      {1, 1, 1, 1}, {3, 13, 7, 5}, {2, 65, 33, 64}, {1, 64, 257, 31}, {4, 1, 130, 63}
    };
    for (int[] s : shapes) {
      for (int flags = 0; flags < 4; flags++) {
        boolean transposeA = (flags & 1) != 0;
        boolean transposeB = (flags & 2) != 0;
        for (Write write : Write.values()) {
          check(
              productTolerance(s[2]),
              (b, o) ->
                  b.products().matmul(
                      transposeA ? o.normal(s[0], s[2], s[1]) : o.normal(s[0], s[1], s[2]),
                      transposeA,
                      transposeB ? o.normal(s[0], s[3], s[2]) : o.normal(s[0], s[2], s[3]),
                      transposeB,
                      o.result(write, s[0], s[1], s[3]),
                      write),
              "matmul %s batch %d M %d K %d N %d, transposed %s %s",
              write,
              s[0],
              s[1],
              s[2],
              s[3],
              transposeA,
              transposeB);
        }
      }
    }
    check(
        productTolerance(7),
        (b, o) ->
            b.products().matmul(
                o.normal(2, 3, 5, 7),
                false,
                o.normal(2, 3, 7, 4),
                false,
                o.result(2, 3, 5, 4),
                Write.SET),
        "matmul of rank 4");
  }

  // ---- embedding

  @Test
  void embeddingAndItsGradientWithRepeatedIds() {
    for (int rows : ROWS) {
      for (int width : SIZES) {
        check(
            0,
            (b, o) ->
                b.products().embedding(o.integers(0, 10, rows), o.normal(10, width), o.result(rows, width)),
            "embedding of %d ids, width %d",
            rows,
            width);
        check(
            sumTolerance(rows),
            (b, o) ->
                b.products().embeddingBackward(
                    o.integers(0, 10, rows), o.normal(rows, width), o.both(10, width)),
            "embeddingBackward of %d ids, width %d",
            rows,
            width);
      }
    }
  }

  @Test
  void embeddingRefusesUnknownIds() {
    for (int id : new int[] {-1, 10}) {
      Operands o = new Operands(backend, DType.F32, 0, 1);
      NdArray ids = o.integersOf(new int[] {3, id}, 2);
      NdArray table = o.normal(10, 4);
      NdArray out = o.result(2, 4);
      assertThatThrownBy(() -> backend.products().embedding(ids, table, out))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("embedding: ids must be in [0, 10), got " + id + " at index 1");
    }
  }

  // ---- norms

  @Test
  void layerNormAndItsGradients() {
    for (int rows : ROWS) {
      for (int width : SIZES) {
        for (boolean biased : new boolean[] {false, true}) {
          check(
              rowTolerance(),
              (b, o) ->
                  b.norms().layerNorm(
                      o.normalAround(0.5, 2, rows, width),
                      o.normal(width),
                      biased ? o.normal(width) : null,
                      EPSILON,
                      o.result(rows, width),
                      o.result(rows),
                      o.result(rows)),
              "layerNorm [%d, %d] bias %s",
              rows,
              width,
              biased);
        }
        for (Write write : Write.values()) {
          // At width 1 the variance is 0 and rstd 316, which magnifies the rounding of x - mean.
          check(
              sumTolerance(Math.max(64, rows)),
              (b, o) -> {
                NdArray x = o.normalAround(0.5, 2, rows, width);
                NdArray gain = o.normal(width);
                NdArray mean = o.result(rows);
                NdArray rstd = o.result(rows);
                b.norms().layerNorm(x, gain, null, EPSILON, o.result(rows, width), mean, rstd);
                b.norms().layerNormBackward(
                    x,
                    gain,
                    mean,
                    rstd,
                    o.normal(rows, width),
                    o.result(write, rows, width),
                    write,
                    o.result(write, width),
                    write,
                    o.result(write, width),
                    write);
              },
              "layerNormBackward %s [%d, %d]",
              write,
              rows,
              width);
        }
      }
    }
  }

  /** For each result set or added to, or not wanted. */
  private static final Write[] WRITES_OR_NONE = {Write.SET, Write.ADD, null};

  @Test
  void layerNormGivesTheGradientsThatAreWanted() {
    for (Write dx : WRITES_OR_NONE) {
      for (Write dGain : WRITES_OR_NONE) {
        for (Write dBias : WRITES_OR_NONE) {
          check(
              sumTolerance(64),
              (b, o) -> {
                NdArray mean = o.result(40);
                NdArray rstd = o.result(40);
                NdArray x = o.normal(40, 33);
                NdArray gain = o.normal(33);
                b.norms().layerNorm(x, gain, null, EPSILON, o.result(40, 33), mean, rstd);
                b.norms().layerNormBackward(
                    x,
                    gain,
                    mean,
                    rstd,
                    o.normal(40, 33),
                    dx == null ? null : o.result(dx, 40, 33),
                    dx,
                    dGain == null ? null : o.result(dGain, 33),
                    dGain,
                    dBias == null ? null : o.result(dBias, 33),
                    dBias);
              },
              "layerNormBackward dx %s, dGain %s, dBias %s",
              dx,
              dGain,
              dBias);
        }
      }
    }
  }

  @Test
  void rmsNormGivesTheGradientsThatAreWanted() {
    for (Write dx : WRITES_OR_NONE) {
      for (Write dGain : WRITES_OR_NONE) {
        check(
            sumTolerance(64),
            (b, o) -> {
              NdArray rstd = o.result(40);
              NdArray x = o.normal(40, 33);
              NdArray gain = o.normal(33);
              b.norms().rmsNorm(x, gain, EPSILON, o.result(40, 33), rstd);
              b.norms().rmsNormBackward(
                  x,
                  gain,
                  rstd,
                  o.normal(40, 33),
                  dx == null ? null : o.result(dx, 40, 33),
                  dx,
                  dGain == null ? null : o.result(dGain, 33),
                  dGain);
            },
            "rmsNormBackward dx %s, dGain %s",
            dx,
            dGain);
      }
    }
  }

  @Test
  void layerNormSurvivesALargeMean() {
    // E[x^2] - E[x]^2 in float32 would lose all digits here.
    check(
        2e-3,
        (b, o) ->
            b.norms().layerNorm(
                o.normalAround(1000, 1, 65, 207),
                o.normalAround(1, 0.1, 207),
                null,
                EPSILON,
                o.result(65, 207),
                o.result(65),
                o.result(65)),
        "layerNorm of mean 1000, deviation 1");
  }

  @Test
  void rmsNormAndItsGradients() {
    for (int rows : ROWS) {
      for (int width : SIZES) {
        check(
            rowTolerance(),
            (b, o) ->
                b.norms().rmsNorm(
                    o.normalAround(0.5, 2, rows, width),
                    o.normal(width),
                    EPSILON,
                    o.result(rows, width),
                    o.result(rows)),
            "rmsNorm [%d, %d]",
            rows,
            width);
        for (Write write : Write.values()) {
          check(
              sumTolerance(Math.max(64, rows)),
              (b, o) -> {
                // Away from 0, where rstd has no bound at width 1.
                NdArray x = o.normalAround(4, 0.5, rows, width);
                NdArray gain = o.normal(width);
                NdArray rstd = o.result(rows);
                b.norms().rmsNorm(x, gain, EPSILON, o.result(rows, width), rstd);
                b.norms().rmsNormBackward(
                    x,
                    gain,
                    rstd,
                    o.normal(rows, width),
                    o.result(write, rows, width),
                    write,
                    o.result(write, width),
                    write);
              },
              "rmsNormBackward %s [%d, %d]",
              write,
              rows,
              width);
        }
      }
    }
  }

  // ---- attention

  @Test
  void softmaxAndItsGradient() {
    for (int rows : ROWS) {
      for (int width : SIZES) {
        check(
            rowTolerance(),
            (b, o) -> {
              NdArray y = o.result(rows, width);
              b.attention().softmax(o.normalAround(1000, 3, rows, width), y);
              b.attention().softmaxBackward(y, o.normal(rows, width), o.result(rows, width));
            },
            "softmax [%d, %d]",
            rows,
            width);
      }
    }
  }

  @Test
  void ropeTurnsAndTurnsBack() {
    for (RopeSpec.Layout layout : RopeSpec.Layout.values()) {
      for (int headWidth : new int[] {2, 4, 16, 32, 64, 80}) {
        for (int tokens : new int[] {1, 13, 65}) {
          for (boolean inverse : new boolean[] {false, true}) {
            RopeSpec spec = new RopeSpec(3, headWidth, 10000, layout);
            int width = 4 * headWidth;
            check(
                elementwiseTolerance(),
                (b, o) ->
                    b.attention().rope(
                        spec,
                        o.normal(2, tokens, width),
                        null,
                        inverse,
                        o.result(2, tokens, width)),
                "%s, T %d, inverse %s",
                spec,
                tokens,
                inverse);
            check(
                elementwiseTolerance(),
                (b, o) -> {
                  NdArray x = o.both(2, tokens, width);
                  b.attention().rope(spec, x, o.integersOf(new int[] {1023, 7}, 2), inverse, x);
                },
                "%s in place from positions, T %d, inverse %s",
                spec,
                tokens,
                inverse);
          }
        }
      }
    }
  }

  private static final int[][] HEADS = {{1, 1}, {3, 3}, {4, 2}, {6, 1}};

  @Test
  void causalAttention() {
    for (int tokens : new int[] {1, 2, 63, 64, 65, 130}) {
      for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
        for (int[] heads : HEADS) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          check(
              attentionTolerance(Math.max(tokens, headWidth)),
              (b, o) ->
                  b.attention().causalAttention(
                      spec,
                      o.normal(2, tokens, spec.packedWidth()),
                      o.result(2, tokens, spec.outputWidth()),
                      o.result(2, heads[0], tokens)),
              "causalAttention T %d, %s",
              tokens,
              spec);
        }
      }
    }
  }

  @Test
  void causalAttentionWithoutItsLogSumExp() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 16);
    check(
        attentionTolerance(65),
        (b, o) -> b.attention().causalAttention(spec, o.normal(1, 65, 128), o.result(1, 65, 64), null),
        "causalAttention, nothing kept");
  }

  @Test
  void causalAttentionOfLargeScores() {
    AttentionSpec spec = new AttentionSpec(2, 2, 32, 1);
    check(
        // Scores of size 100 carry an error of 100 ulp into the exponent.
        100 * attentionTolerance(65),
        (b, o) ->
            b.attention().causalAttention(
                spec, o.normalAround(0, 4, 1, 65, 192), o.result(1, 65, 64), o.result(1, 2, 65)),
        "causalAttention of large scores");
  }

  @Test
  void causalAttentionBackward() {
    for (int tokens : new int[] {1, 2, 63, 64, 65, 130}) {
      for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
        for (int[] heads : HEADS) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          check(
              2 * attentionTolerance(Math.max(tokens, headWidth)),
              (b, o) -> {
                NdArray qkv = o.normal(2, tokens, spec.packedWidth());
                NdArray out = o.result(2, tokens, spec.outputWidth());
                NdArray logSumExp = o.result(2, heads[0], tokens);
                b.attention().causalAttention(spec, qkv, out, logSumExp);
                b.attention().causalAttentionBackward(
                    spec,
                    qkv,
                    out,
                    logSumExp,
                    o.normal(2, tokens, spec.outputWidth()),
                    o.result(2, tokens, spec.packedWidth()));
              },
              "causalAttentionBackward T %d, %s",
              tokens,
              spec);
        }
      }
    }
  }

  @Test
  void cachedAttentionExtendsAndReadsTheCache() {
    for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
      for (int[] heads : HEADS) {
        for (int tokens : new int[] {1, 5, 65}) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          int capacity = 140;
          check(
              attentionTolerance(capacity),
              (b, o) ->
                  b.attention().cachedAttention(
                      spec,
                      o.normal(3, tokens, spec.packedWidth()),
                      o.both(3, heads[1], capacity, headWidth),
                      o.both(3, heads[1], capacity, headWidth),
                      o.integersOf(new int[] {0, 31, capacity - tokens}, 3),
                      o.result(3, tokens, spec.outputWidth())),
              "cachedAttention T %d, %s",
              tokens,
              spec);
        }
      }
    }
  }

  @Test
  void cachedAttentionRefusesMoreThanTheCacheHolds() {
    AttentionSpec spec = AttentionSpec.of(1, 1, 4);
    Operands o = new Operands(backend, DType.F32, 0, 1);
    NdArray qkv = o.normal(1, 2, 12);
    NdArray keys = o.both(1, 1, 8, 4);
    NdArray values = o.both(1, 1, 8, 4);
    NdArray positions = o.integersOf(new int[] {7}, 1);
    NdArray out = o.result(1, 2, 4);
    assertThatThrownBy(() -> backend.attention().cachedAttention(spec, qkv, keys, values, positions, out))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "cachedAttention: the cache holds 8 tokens, got 2 new ones at position 7 of sequence"
                + " 0");
  }

  // ---- loss

  @Test
  void crossEntropyAndItsGradient() {
    for (int rows : ROWS) {
      for (int vocabulary : new int[] {1, 13, 207, 1024, 5003}) {
        check(
            rowTolerance(),
            (b, o) -> {
              NdArray logits = o.normalAround(10, 3, rows, vocabulary);
              // A quarter of small vocabularies' targets is negative: ignored.
              NdArray targets = o.integers(-(vocabulary + 3) / 4, vocabulary, rows);
              NdArray logSumExp = o.result(rows);
              b.losses().crossEntropy(logits, targets, o.result(rows), logSumExp);
              b.losses().crossEntropyBackward(
                  logits, targets, logSumExp, o.normal(rows), o.result(rows, vocabulary));
            },
            "crossEntropy [%d, %d]",
            rows,
            vocabulary);
      }
    }
  }

  @Test
  void crossEntropyRefusesTargetsBeyondTheVocabulary() {
    Operands o = new Operands(backend, DType.F32, 0, 1);
    NdArray logits = o.normal(2, 5);
    NdArray targets = o.integersOf(new int[] {0, 5}, 2);
    NdArray losses = o.result(2);
    NdArray logSumExp = o.result(2);
    assertThatThrownBy(() -> backend.losses().crossEntropy(logits, targets, losses, logSumExp))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("crossEntropy: targets must be less than 5, got 5 at index 1");
    NdArray x = o.normal(2, 3);
    NdArray w = o.normal(5, 3);
    assertThatThrownBy(() -> backend.losses().linearCrossEntropy(x, w, targets, 1, losses, null, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("crossEntropy: targets must be less than 5, got 5 at index 1");
  }

  @Test
  void linearCrossEntropyAndItsGradients() {
    for (int rows : new int[] {1, 13, 65, 130}) {
      for (int width : new int[] {13, 64}) {
        for (int vocabulary : new int[] {1, 7, 207, 1024}) {
          for (int flags = 0; flags < 4; flags++) {
            boolean wantsX = (flags & 1) != 0;
            boolean wantsW = (flags & 2) != 0;
            check(
                2 * productTolerance(Math.max(rows, width)),
                (b, o) -> {
                  NdArray x = o.normal(rows, width);
                  NdArray w = o.normal(vocabulary, width);
                  NdArray targets = o.integers(-(vocabulary + 3) / 4, vocabulary, rows);
                  b.losses().linearCrossEntropy(
                      x,
                      w,
                      targets,
                      0.75,
                      o.result(rows),
                      wantsX ? o.result(rows, width) : null,
                      wantsW ? o.result(vocabulary, width) : null);
                },
                "linearCrossEntropy M %d C %d V %d, dx %s, dw %s",
                rows,
                width,
                vocabulary,
                wantsX,
                wantsW);
          }
        }
      }
    }
  }

  @Test
  void linearCrossEntropyAddsUpItsChunksOfRows() {
    check(
        2 * productTolerance(1030),
        (b, o) ->
            b.losses().linearCrossEntropy(
                o.normal(1030, 13),
                o.normal(7, 13),
                o.integers(-1, 7, 1030),
                0.75,
                o.result(1030),
                o.result(1030, 13),
                o.result(7, 13)),
        "linearCrossEntropy of 1030 rows");
  }

  // ---- optimizer

  @Test
  void adamWUpdatesWeightsAndMoments() {
    for (int n : SIZES) {
      for (long step : new long[] {1, 2, 1000}) {
        AdamWStep update = new AdamWStep(3e-2, 0.9, 0.95, 1e-8, 0.1, step, 0.5);
        check(
            rowTolerance(),
            (b, o) -> b.optimizer().adamW(update, o.normal(n), o.both(n), o.bothPositive(n), o.both(n)),
            "adamW of %d, step %d",
            n,
            step);
      }
    }
  }
}

package dev.firesteel.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.NdArray;
import dev.firesteel.random.RandomStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The gradient of every op in {@link OpCase#table()} against central differences along a random
 * direction, in float64 on the reference backend: {@code (f(x + h d) - f(x - h d)) / 2h = grad f .
 * d}, where {@code f(x) = sum(r * op(x))} for random r.
 */
class OpGradientTest {
  private static final double STEP = 1e-5;
  private static final double TOLERANCE = 1e-6;
  private static final int SEEDS = 3;

  private final TensorFixture fixture = new TensorFixture();

  @AfterEach
  void close() {
    fixture.close();
  }

  static List<OpCase> table() {
    return OpCase.table();
  }

  /** The loss of an op: how its inputs become tensors and how often it is applied. */
  private interface Graph {
    Tensor loss(Tape tape, OpCase op, Tensor[] inputs, RandomStream random);
  }

  @ParameterizedTest
  @MethodSource("table")
  void agreesWithCentralDifferences(OpCase op) {
    check(op, (tape, row, x, random) -> weigh(row.apply().apply(tape, x), random), all(op));
  }

  /** The second use adds to what the first one wrote to the leaf. */
  @ParameterizedTest
  @MethodSource("table")
  void addsUpOverTwoUses(OpCase op) {
    check(
        op,
        (tape, row, x, random) ->
            weigh(row.apply().apply(tape, x), random)
                .add(weigh(row.apply().apply(tape, x), random)),
        all(op));
  }

  /** As above for gradients of computed tensors, which live in the tape's own buffers. */
  @ParameterizedTest
  @MethodSource("table")
  void addsUpOverTwoUsesOfComputedInputs(OpCase op) {
    check(
        op,
        (tape, row, x, random) -> {
          Tensor[] computed = new Tensor[x.length];
          for (int i = 0; i < x.length; i++) {
            computed[i] = x[i].scale(0.7);
          }
          return weigh(row.apply().apply(tape, computed), random)
              .add(weigh(row.apply().apply(tape, computed), random));
        },
        all(op));
  }

  /** Gradients that are passed on, not copied, around an op must not be written to by it. */
  @ParameterizedTest
  @MethodSource("table")
  void addsUpBesidePassedGradients(OpCase op) {
    check(
        op,
        (tape, row, x, random) -> {
          Tensor[] passed = new Tensor[x.length];
          Tensor beside = null;
          for (int i = 0; i < x.length; i++) {
            Tensor scaled = x[i].scale(0.7);
            passed[i] = scaled.reshape(x[i].shape().toArray());
            Tensor weighed = weigh(passed[i].add(scaled), random);
            beside = beside == null ? weighed : beside.add(weighed);
          }
          return beside.add(weigh(row.apply().apply(tape, passed), random));
        },
        all(op));
  }

  @ParameterizedTest
  @MethodSource("table")
  void givesEachInputItsGradientAlone(OpCase op) {
    for (int wanted = 0; wanted < op.inputs().size(); wanted++) {
      boolean[] wants = new boolean[op.inputs().size()];
      wants[wanted] = true;
      check(op, (tape, row, x, random) -> weigh(row.apply().apply(tape, x), random), wants);
    }
  }

  /** Every op has its row: a new record without one fails here. */
  @Test
  void tableHasEveryOp() throws Exception {
    Set<String> ops = new TreeSet<>();
    Path classes = Path.of(Op.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Stream<Path> files = Files.list(classes.resolve("dev/firesteel/tensor"))) {
      for (Path file : files.toList()) {
        String simple = file.getFileName().toString().replace(".class", "");
        Class<?> type = Class.forName("dev.firesteel.tensor." + simple);
        if (Op.class.isAssignableFrom(type) && type.isRecord()) {
          ops.add(simple.substring(0, 1).toLowerCase(Locale.ROOT) + simple.substring(1));
        }
      }
    }
    assertThat(ops)
        .isNotEmpty()
        .allSatisfy(
            op -> assertThat(table()).anyMatch(row -> (row.name() + " ").startsWith(op + " ")));
  }

  private static boolean[] all(OpCase op) {
    boolean[] wants = new boolean[op.inputs().size()];
    Arrays.fill(wants, true);
    return wants;
  }

  private Tensor weigh(Tensor y, RandomStream random) {
    NdArray weights = fixture.normal(random, y.shape().toArray());
    return y.multiply(y.tape().constant(weights)).sum();
  }

  private void check(OpCase op, Graph graph, boolean... wants) {
    for (long seed = 0; seed < SEEDS; seed++) {
      RandomStream random = RandomStream.of(seed, "gradient check " + op.name());
      List<double[]> values = new ArrayList<>();
      List<double[]> direction = new ArrayList<>();
      for (int i = 0; i < wants.length; i++) {
        OpCase.Input input = op.inputs().get(i);
        double[] x = new double[(int) input.shape().size()];
        double[] d = new double[x.length];
        for (int k = 0; k < x.length; k++) {
          x[k] = input.generator().draw(random);
          d[k] = wants[i] ? random.nextGaussian() : 0;
        }
        values.add(x);
        direction.add(d);
      }
      double analytic = directionalGradient(op, graph, wants, seed, values, direction);
      double numeric =
          (loss(op, graph, seed, moved(values, direction, STEP))
                  - loss(op, graph, seed, moved(values, direction, -STEP)))
              / (2 * STEP);
      double scale = Math.max(1, Math.max(Math.abs(analytic), Math.abs(numeric)));
      assertThat(Math.abs(analytic - numeric) / scale)
          .as("%s, seed %s: gradient %s, differences %s", op, seed, analytic, numeric)
          .isLessThan(TOLERANCE);
    }
  }

  private static List<double[]> moved(List<double[]> x, List<double[]> d, double step) {
    List<double[]> moved = new ArrayList<>();
    for (int i = 0; i < x.size(); i++) {
      double[] copy = x.get(i).clone();
      for (int k = 0; k < copy.length; k++) {
        copy[k] += step * d.get(i)[k];
      }
      moved.add(copy);
    }
    return moved;
  }

  private double loss(OpCase op, Graph graph, long seed, List<double[]> values) {
    try (Tape tape = fixture.inference()) {
      Tensor[] inputs = new Tensor[values.size()];
      for (int i = 0; i < inputs.length; i++) {
        inputs[i] = tape.constant(fixture.array(op.inputs().get(i).shape(), values.get(i)));
      }
      return graph.loss(tape, op, inputs, RandomStream.of(seed, "weights")).item();
    }
  }

  private double directionalGradient(
      OpCase op,
      Graph graph,
      boolean[] wants,
      long seed,
      List<double[]> values,
      List<double[]> direction) {
    Tensor[] inputs = new Tensor[values.size()];
    NdArray[] gradients = new NdArray[inputs.length];
    try (Tape tape = fixture.training()) {
      for (int i = 0; i < inputs.length; i++) {
        NdArray value = fixture.array(op.inputs().get(i).shape(), values.get(i));
        gradients[i] = fixture.gradientOf(value);
        inputs[i] = wants[i] ? tape.variable(value, gradients[i]) : tape.constant(value);
      }
      Tensor loss = graph.loss(tape, op, inputs, RandomStream.of(seed, "weights"));
      tape.backward(loss);
      for (int i = 0; i < inputs.length; i++) {
        assertThat(fixture.values(inputs[i]))
            .as("%s: input %s is left as it was", op, i)
            .isEqualTo(values.get(i));
      }
    }
    double dot = 0;
    for (int i = 0; i < inputs.length; i++) {
      double[] gradient = fixture.values(gradients[i]);
      for (int k = 0; k < gradient.length; k++) {
        // A gradient nobody asked for stays NaN.
        assertThat(Double.isNaN(gradient[k])).isEqualTo(!wants[i]);
        dot += wants[i] ? gradient[k] * direction.get(i)[k] : 0;
      }
    }
    return dot;
  }
}

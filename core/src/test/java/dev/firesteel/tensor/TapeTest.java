package dev.firesteel.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend;
import dev.firesteel.random.RandomStream;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TapeTest {
  private final TensorFixture fixture = new TensorFixture();

  @AfterEach
  void close() {
    fixture.close();
  }

  /** d f / d x of a function of one number. */
  private double derivative(double x, Function<Tensor, Tensor> f) {
    NdArray value = fixture.array(Shape.scalar(), x);
    NdArray gradient = fixture.gradientOf(value);
    try (Tape tape = fixture.training()) {
      tape.backward(f.apply(tape.variable(value, gradient)));
    }
    return fixture.values(gradient)[0];
  }

  // ---- gradients that are passed on and shared

  @Test
  void lossThatIsTheVariableHasGradientOne() {
    assertThat(derivative(3, x -> x)).isEqualTo(1);
  }

  @Test
  void residualStreamsKeepTheirGradients() {
    assertThat(derivative(3, x -> x.add(x))).isEqualTo(2);
    assertThat(derivative(3, x -> x.add(x.scale(2)))).isEqualTo(3);
    assertThat(derivative(3, x -> x.scale(2).add(x))).isEqualTo(3);
    assertThat(derivative(3, x -> x.add(x.multiply(x)))).isEqualTo(7);
  }

  @Test
  void nestedResidualStreamsKeepTheirGradients() {
    // y = x + x^2, z = y + y^2: dz/dx = (1 + 2y)(1 + 2x), y = 12.
    Function<Tensor, Tensor> block = x -> x.add(x.multiply(x));
    assertThat(derivative(3, x -> block.apply(block.apply(x)))).isEqualTo(25 * 7);
    // A computed stream: its gradient lives in the tape's own buffers.
    assertThat(derivative(1.5, x -> block.apply(block.apply(x.scale(2))))).isEqualTo(2 * 25 * 7);
    assertThat(derivative(3, x -> block.apply(x).add(block.apply(x)).add(x))).isEqualTo(15);
  }

  @Test
  void oneGradientPassedToManyIsNotCorrupted() {
    // u, v and w all receive the gradient of the sum itself; v adds more to its own.
    Function<Tensor, Tensor> f =
        x -> {
          Tensor u = x.scale(2);
          Tensor v = x.scale(3);
          Tensor w = x.scale(5);
          Tensor sum = u.add(v).add(w.reshape(1).reshape());
          return sum.add(v.multiply(v)).add(v);
        };
    // 2 + 3 + 5 + 2 * 9 x + 3
    assertThat(derivative(1, f)).isEqualTo(31);
  }

  @Test
  void reshapesInAChainPassTheGradientThrough() {
    assertThat(derivative(3, x -> x.reshape(1).reshape(1, 1).reshape().add(x.reshape(1).reshape())))
        .isEqualTo(2);
  }

  @Test
  void deepGraphsDoNotOverflowTheStack() {
    assertThat(
            derivative(
                1,
                x -> {
                  Tensor y = x;
                  for (int i = 0; i < 20_000; i++) {
                    y = y.scale(1);
                  }
                  return y;
                }))
        .isEqualTo(1);
  }

  /** Random graphs of ops that pass, share, add and produce gradients. */
  @Test
  void randomGraphsAgreeWithCentralDifferences() {
    for (long seed = 0; seed < 200; seed++) {
      double step = 1e-5;
      double x = 0.5 + 0.1 * (seed % 7);
      long graph = seed;
      double gradient = derivative(x, t -> randomGraph(graph, t));
      double numeric = (evaluate(graph, x + step) - evaluate(graph, x - step)) / (2 * step);
      assertThat(gradient)
          .as("seed %s", seed)
          .isCloseTo(numeric, within(1e-6 * Math.max(1, Math.abs(numeric))));
    }
  }

  private double evaluate(long seed, double x) {
    try (Tape tape = fixture.inference()) {
      return randomGraph(seed, tape.constant(fixture.array(Shape.scalar(), x))).item();
    }
  }

  private static Tensor randomGraph(long seed, Tensor x) {
    RandomStream random = RandomStream.of(seed, "random graph");
    List<Tensor> made = new ArrayList<>(List.of(x));
    int ops = 2 + random.nextInt(14);
    for (int i = 0; i < ops; i++) {
      Tensor a = made.get(random.nextInt(made.size()));
      Tensor b = made.get(random.nextInt(made.size()));
      made.add(
          switch (random.nextInt(7)) {
            case 0, 1, 2 -> a.add(b);
            case 3 -> a.multiply(b).activation(Activation.SILU);
            case 4 -> a.reshape(1).reshape();
            case 5 -> a.reshape(1).concat(0, b.reshape(1)).sum();
            default -> a.scale(-0.5);
          });
    }
    Tensor loss = made.get(made.size() - 1);
    return loss.add(made.get(random.nextInt(made.size()))).scale(1.0 / 64);
  }

  // ---- variables

  @Test
  void tiedWeightsGetOneGradient() {
    RandomStream random = RandomStream.of(1, "tied");
    NdArray table = fixture.normal(random, 6, 4);
    NdArray gradient = fixture.gradientOf(table);
    NdArray embeddingOnly = fixture.gradientOf(table);
    NdArray headOnly = fixture.gradientOf(table);
    NdArray copy = fixture.array(table.shape(), fixture.values(table));
    int[] ids = {1, 5, 1};
    int[] targets = {5, 1, 0};
    try (Tape tape = fixture.training()) {
      Tensor w = tape.variable(table, gradient);
      assertThat(tape.variable(table, gradient)).isSameAs(w);
      tape.backward(loss(tape, ids, targets, w, tape.variable(table, gradient)));
    }
    try (Tape tape = fixture.training()) {
      Tensor e = tape.variable(table, embeddingOnly);
      Tensor h = tape.variable(copy, headOnly);
      tape.backward(loss(tape, ids, targets, e, h));
    }
    double[] tied = fixture.values(gradient);
    double[] first = fixture.values(embeddingOnly);
    double[] second = fixture.values(headOnly);
    for (int i = 0; i < tied.length; i++) {
      assertThat(tied[i]).isCloseTo(first[i] + second[i], within(1e-12));
    }
  }

  private static Tensor loss(Tape tape, int[] ids, int[] targets, Tensor embedding, Tensor head) {
    Shape shape = Shape.of(ids.length);
    return tape.constant(ids, shape)
        .embedding(embedding)
        .linearCrossEntropy(head, tape.constant(targets, shape), 1.0 / ids.length);
  }

  @Test
  void variablesTheLossDoesNotDependOnGetZero() {
    NdArray used = fixture.array(Shape.of(2), 1, 2);
    NdArray unused = fixture.array(Shape.of(2), 3, 4);
    NdArray deadEnd = fixture.array(Shape.of(2), 5, 6);
    NdArray[] gradients = {
      fixture.gradientOf(used), fixture.gradientOf(unused), fixture.gradientOf(deadEnd)
    };
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(used, gradients[0]);
      tape.variable(unused, gradients[1]);
      tape.variable(deadEnd, gradients[2]).multiply(x).sum();
      tape.backward(x.sum());
    }
    assertThat(fixture.values(gradients[0])).containsExactly(1, 1);
    assertThat(fixture.values(gradients[1])).containsExactly(0, 0);
    assertThat(fixture.values(gradients[2])).containsExactly(0, 0);
  }

  @Test
  void backwardTellsOfEachGradientOnceItIsFinal() {
    NdArray[] values = new NdArray[4];
    NdArray[] gradients = new NdArray[4];
    for (int i = 0; i < values.length; i++) {
      values[i] = fixture.array(Shape.of(2), i + 1, i + 2);
      gradients[i] = fixture.gradientOf(values[i]);
    }
    List<NdArray> told = new ArrayList<>();
    List<double[]> contents = new ArrayList<>();
    try (Tape tape = fixture.training()) {
      Tensor[] x = new Tensor[values.length];
      for (int i = 0; i < x.length; i++) {
        x[i] = tape.variable(values[i], gradients[i]);
      }
      // x[0] is used first and last, x[3] never.
      Tensor y = x[0].multiply(x[1]).multiply(x[2]).multiply(x[0]);
      tape.backward(
          y.sum(),
          gradient -> {
            told.add(gradient);
            contents.add(fixture.values(gradient));
          });
    }
    assertThat(told).containsExactly(gradients[2], gradients[0], gradients[1], gradients[3]);
    for (int i = 0; i < told.size(); i++) {
      assertThat(contents.get(i)).isEqualTo(fixture.values(told.get(i)));
    }
    assertThat(fixture.values(gradients[0])).containsExactly(2 * 1 * 2 * 3, 2 * 2 * 3 * 4);
  }

  @Test
  void aConstantLossGivesZeroGradients() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    NdArray gradient = fixture.gradientOf(value);
    try (Tape tape = fixture.training()) {
      tape.variable(value, gradient);
      tape.backward(tape.constant(fixture.array(Shape.scalar(), 3)));
    }
    assertThat(fixture.values(gradient)).containsExactly(0, 0);
  }

  @Test
  void theNextMicroBatchOverwrites() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    NdArray gradient = fixture.gradientOf(value);
    for (int batch = 1; batch <= 3; batch++) {
      try (Tape tape = fixture.training()) {
        tape.backward(tape.variable(value, gradient).scale(batch).sum());
      }
      assertThat(fixture.values(gradient)).containsExactly(batch, batch);
    }
  }

  @Test
  void gradientsMayBeSlicesOfOneSegment() {
    NdArray weights = fixture.array(Shape.of(6), 1, 2, 3, 4, 5, 6);
    NdArray segment = fixture.gradientOf(weights);
    NdArray a = weights.slice(0, 2);
    NdArray b = weights.slice(2, 6);
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(a, segment.slice(0, 2));
      Tensor y = tape.variable(b, segment.slice(2, 6));
      tape.backward(y.reshape(2, 2).add(x).sum());
    }
    assertThat(fixture.values(segment)).containsExactly(2, 2, 1, 1, 1, 1);
  }

  @Test
  void variableRefusesAnUnfitGradient() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    try (Tape tape = fixture.training()) {
      assertThatThrownBy(() -> tape.variable(value, fixture.array(Shape.of(3))))
          .isInstanceOf(ShapeException.class)
          .hasMessage("variable: gradient must have the value's shape, got [2] and [3]");
      NdArray narrow = new NdArray(HeapStorage.allocate(DType.F32, 2), 0, Shape.of(2));
      assertThatThrownBy(() -> tape.variable(value, narrow))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "variable: gradient must have the value's element type, got F64[2] and F32[2]");
      tape.variable(value, fixture.gradientOf(value));
      assertThatThrownBy(() -> tape.variable(value, fixture.gradientOf(value)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("variable: the array F64[2] already has another gradient on this tape");
    }
  }

  // ---- misuse

  @Test
  void backwardRunsOnceOnATrainingTape() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    NdArray gradient = fixture.gradientOf(value);
    String message = "backward needs a training tape, and runs once on each";
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(value, gradient);
      assertThatThrownBy(() -> tape.backward(x))
          .isInstanceOf(ShapeException.class)
          .hasMessage("backward: the loss must be a scalar, got [2]");
      Tensor loss = x.sum();
      tape.backward(loss);
      assertThatThrownBy(() -> tape.backward(loss))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(message);
    }
    try (Tape tape = fixture.inference()) {
      Tensor loss = tape.variable(value, gradient).sum();
      assertThat(loss.requiresGradient()).isFalse();
      assertThatThrownBy(() -> tape.backward(loss))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(message);
    }
  }

  @Test
  void tensorsOfTwoTapesDoNotMix() {
    NdArray value = fixture.array(Shape.scalar(), 1);
    try (Tape one = fixture.training();
        Tape other = fixture.training()) {
      Tensor x = one.constant(value);
      Tensor y = other.constant(value);
      assertThatThrownBy(() -> x.add(y))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("add: all operands must be on one tape");
      assertThatThrownBy(() -> one.backward(y))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("backward: the loss must be on this tape");
    }
  }

  @Test
  void computedTensorsEndWithTheTape() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    Tape tape = fixture.training();
    Tensor x = tape.constant(value);
    Tensor y = x.scale(2);
    tape.close();
    assertThat(fixture.values(x)).containsExactly(1, 2);
    assertThatThrownBy(() -> fixture.values(y)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> x.scale(2))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scope training tape is closed");
  }

  @Test
  void itemNeedsAScalar() {
    try (Tape tape = fixture.inference()) {
      Tensor x = tape.constant(fixture.array(Shape.of(2), 1, 2));
      assertThat(x.sum().item()).isEqualTo(3);
      assertThat(x.mean().item()).isEqualTo(1.5);
      assertThatThrownBy(x::item)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("item: the tensor must be a scalar, got [2]");
    }
  }

  // ---- memory

  /** Three residual blocks over a batch of rows; parameters are made once. */
  private Tensor network(Tape tape, List<NdArray> weights, List<NdArray> gradients) {
    Tensor x = tape.constant(fixture.normal(RandomStream.of(3, "batch"), 32, 8));
    for (int i = 0; i < weights.size(); i++) {
      Tensor w = tape.variable(weights.get(i), gradients.get(i));
      Tensor stream = x;
      x = tape.segment(() -> stream.add(stream.softmax().linear(w, null, Activation.GELU_TANH)));
    }
    return x.multiply(x).mean();
  }

  private List<NdArray> weights() {
    List<NdArray> weights = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      weights.add(fixture.normal(RandomStream.of(i, "weight"), 8, 8));
    }
    return weights;
  }

  @Test
  void activationsEndDuringBackward() {
    List<NdArray> weights = weights();
    List<NdArray> gradients = weights.stream().map(fixture::gradientOf).toList();
    long before;
    long after;
    try (Tape tape = fixture.training()) {
      Tensor loss = network(tape, weights, gradients);
      before = fixture.pool.lentBytes();
      double value = loss.item();
      tape.backward(loss);
      assertThat(loss.item()).isEqualTo(value);
      after = fixture.pool.lentBytes();
    }
    // Only the loss was left on the tape.
    assertThat(after - fixture.pool.lentBytes()).isEqualTo(16L * DType.F64.bytes());
    assertThat(before).isGreaterThan(after);
  }

  @Test
  void repeatedStepsNeedNoMoreMemory() {
    List<NdArray> weights = weights();
    List<NdArray> gradients = weights.stream().map(fixture::gradientOf).toList();
    long lent = 0;
    long peak = 0;
    for (int step = 0; step < 5; step++) {
      // The batch is the fixture's and stays; everything else is the tape's.
      NdArray batch = fixture.normal(RandomStream.of(step, "batch"), 32, 8);
      long batchBytes = batch.size() * DType.F64.bytes();
      try (Tape tape = fixture.training()) {
        Tensor w = tape.variable(weights.get(0), gradients.get(0));
        Tensor x = tape.constant(batch).linear(w, null, Activation.SILU);
        tape.backward(x.add(x.softmax()).sum());
      }
      if (step > 0) {
        assertThat(fixture.pool.lentBytes()).isEqualTo(lent + batchBytes);
      }
      if (step > 1) {
        assertThat(fixture.pool.peakBytes()).isLessThanOrEqualTo(peak + batchBytes);
      }
      lent = fixture.pool.lentBytes();
      peak = fixture.pool.peakBytes();
    }
  }

  @Test
  void segmentsEndTheirInnerArraysOnAnInferenceTape() {
    NdArray batch = fixture.normal(RandomStream.of(1, "batch"), 4, 8);
    try (Tape tape = fixture.inference()) {
      Tensor[] inner = new Tensor[2];
      Tensor result =
          tape.segment(
              () -> {
                inner[0] = tape.constant(batch).scale(2);
                inner[1] = tape.segment(() -> inner[0].scale(3));
                return inner[1].scale(5).reshape(8, 4);
              });
      assertThat(fixture.values(result)[0]).isCloseTo(30 * fixture.values(batch)[0], within(1e-12));
      for (Tensor ended : inner) {
        assertThatThrownBy(() -> fixture.values(ended)).isInstanceOf(IllegalStateException.class);
      }
    }
  }

  @Test
  void segmentsKeepWhatBackwardReadsOnATrainingTape() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    NdArray gradient = fixture.gradientOf(value);
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(value, gradient);
      Tensor[] inner = new Tensor[2];
      Tensor result =
          tape.segment(
              () -> {
                inner[0] = x.scale(3);
                inner[1] = inner[0].multiply(x);
                return inner[1].sum();
              });
      assertThat(fixture.values(inner[0])).containsExactly(3, 6);
      assertThatThrownBy(() -> fixture.values(inner[1])).isInstanceOf(IllegalStateException.class);
      tape.backward(result);
    }
    assertThat(fixture.values(gradient)).containsExactly(6, 12);
  }

  @Test
  void segmentsDoNotKeepWhatMultipliesAFrozenWeight() {
    NdArray value = fixture.array(Shape.of(1, 2), 1, 2);
    NdArray gradient = fixture.gradientOf(value);
    NdArray weight = fixture.array(Shape.of(2, 2), 1, 2, 3, 4);
    for (boolean frozen : new boolean[] {true, false}) {
      try (Tape tape = fixture.training()) {
        Tensor x = tape.variable(value, gradient);
        Tensor w =
            frozen ? tape.constant(weight) : tape.variable(weight, fixture.gradientOf(weight));
        Tensor[] inner = new Tensor[1];
        Tensor result =
            tape.segment(
                () -> {
                  inner[0] = x.scale(3);
                  return inner[0].linear(w, null).sum();
                });
        if (frozen) {
          assertThatThrownBy(() -> fixture.values(inner[0]))
              .isInstanceOf(IllegalStateException.class);
        } else {
          assertThat(fixture.values(inner[0])).containsExactly(3, 6);
        }
        tape.backward(result);
      }
      assertThat(fixture.values(gradient)).containsExactly(12, 18);
    }
  }

  // ---- recomputation

  /** Random graphs as above, in two parts, whose inner arrays are computed twice. */
  @Test
  void recomputedPartsGiveTheSameBits() {
    for (long seed = 0; seed < 200; seed++) {
      double x = 0.5 + 0.1 * (seed % 7);
      long graph = seed;
      Function<Tensor, Tensor> kept =
          t -> randomGraph(graph + 1000, randomGraph(graph, t.activation(Activation.SILU)));
      Function<Tensor, Tensor> recomputed =
          t -> {
            Tensor middle =
                t.tape().recomputed(() -> randomGraph(graph, t.activation(Activation.SILU)));
            return t.tape().recomputed(() -> randomGraph(graph + 1000, middle));
          };
      assertThat(derivative(x, recomputed)).as("seed %s", seed).isEqualTo(derivative(x, kept));
    }
  }

  @Test
  void recomputedPartsKeepTheirResultOnly() {
    NdArray value = fixture.normal(RandomStream.of(1, "value"), 32, 8);
    NdArray gradient = fixture.gradientOf(value);
    long bytes = value.size() * DType.F64.bytes();
    long before = fixture.pool.lentBytes();
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(value, gradient);
      Tensor y = tape.recomputed(() -> x.softmax().multiply(x).dropout(5, 0.5).add(x));
      assertThat(fixture.pool.lentBytes()).isEqualTo(before + bytes);
      tape.backward(y.sum());
    }
    NdArray expected = fixture.gradientOf(value);
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(value, expected);
      tape.backward(x.softmax().multiply(x).dropout(5, 0.5).add(x).sum());
    }
    assertThat(fixture.values(gradient)).isEqualTo(fixture.values(expected));
  }

  @Test
  void onlyWhatBackwardReadsIsComputedAgain() {
    List<String> calls = new ArrayList<>();
    Backend counting = (Backend) counting(Backend.class, fixture.backend, calls);
    NdArray value = fixture.normal(RandomStream.of(1, "value"), 4, 4);
    NdArray weight = fixture.normal(RandomStream.of(1, "weight"), 4, 4);
    try (Tape tape = Tape.training(counting, fixture.pool)) {
      Tensor x = tape.variable(value, fixture.gradientOf(value));
      Tensor w = tape.variable(weight, fixture.gradientOf(weight));
      // Neither the second product nor the dropout has a reader in backward.
      Tensor y =
          tape.recomputed(() -> x.add(x.softmax().linear(w, null).linear(w, null).dropout(1, 0.5)));
      Tensor loss = y.sum();
      assertThat(calls).containsOnlyOnce("softmax").filteredOn("linear"::equals).hasSize(2);
      calls.clear();
      tape.backward(loss);
    }
    assertThat(calls).containsOnlyOnce("softmax", "linear", "dropout");
  }

  /** A backend, or a group of its kernels, with the names of the methods that are called. */
  private static Object counting(Class<?> type, Object on, List<String> calls) {
    return Proxy.newProxyInstance(
        type.getClassLoader(),
        new Class<?>[] {type},
        (proxy, method, arguments) -> {
          calls.add(method.getName());
          Class<?> result = method.getReturnType();
          boolean isGroup = result.isInterface() && result.getPackage() == type.getPackage();
          return isGroup
              ? counting(result, method.invoke(on, arguments), calls)
              : method.invoke(on, arguments);
        });
  }

  @Test
  void aRecomputedPartEndsWithItsLastOp() {
    NdArray value = fixture.array(Shape.of(2), 1, 2);
    try (Tape tape = fixture.training()) {
      Tensor x = tape.variable(value, fixture.gradientOf(value));
      assertThatThrownBy(
              () ->
                  tape.recomputed(
                      () -> {
                        Tensor y = x.scale(2);
                        y.sum();
                        return y;
                      }))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "recomputed: the result must be that of the segment's last op, got TensorF64[2]");
    }
  }

  // ---- backward from several outputs

  /** The gradient that a host computes of a loss of y replaces ops on the tape. */
  @Test
  void backwardStartsFromAGivenGradient() {
    RandomStream random = RandomStream.of(1, "given gradient");
    NdArray x = fixture.normal(random, 3, 4);
    NdArray w = fixture.normal(random, 5, 4);
    NdArray dy = fixture.normal(random, 3, 5);
    double[] given = fixture.values(dy);
    NdArray[][] gradients = new NdArray[2][2];
    for (int byHost = 0; byHost < 2; byHost++) {
      gradients[byHost][0] = fixture.gradientOf(x);
      gradients[byHost][1] = fixture.gradientOf(w);
      try (Tape tape = fixture.training()) {
        Tensor input = tape.variable(x, gradients[byHost][0]);
        Tensor weight = tape.variable(w, gradients[byHost][1]);
        Tensor y = input.linear(weight, null).reshape(15).reshape(3, 5);
        if (byHost == 1) {
          double[] before = fixture.values(y);
          List<NdArray> complete = new ArrayList<>();
          tape.backward(y, dy, complete::add);
          assertThat(complete).containsExactlyInAnyOrder(gradients[1]);
          assertThat(fixture.values(y)).isEqualTo(before);
        } else {
          tape.backward(y.multiply(tape.constant(dy)).sum());
        }
      }
    }
    for (int i = 0; i < 2; i++) {
      assertThat(fixture.values(gradients[1][i])).isEqualTo(fixture.values(gradients[0][i]));
    }
    assertThat(fixture.values(dy)).isEqualTo(given);
  }

  /** The head's gradient of the forward pass is for an output gradient of 1. */
  @Test
  void aGivenGradientOfAFusedLossScalesWhatForwardComputed() {
    NdArray head = fixture.normal(RandomStream.of(1, "head"), 12, 8);
    NdArray x = fixture.normal(RandomStream.of(2, "x"), 3, 8);
    NdArray once = fixture.gradientOf(head);
    NdArray thrice = fixture.gradientOf(head);
    try (Tape tape = fixture.training()) {
      tape.backward(headLoss(tape, x, tape.variable(head, once)));
    }
    try (Tape tape = fixture.training()) {
      Tensor loss = headLoss(tape, x, tape.variable(head, thrice));
      tape.backward(loss, fixture.array(Shape.scalar(), 3));
    }
    double[] expected = fixture.values(once);
    for (int i = 0; i < expected.length; i++) {
      expected[i] *= 3;
    }
    assertThat(fixture.values(thrice)).containsExactly(expected);
  }

  @Test
  void aGivenGradientOfALeafIsItsGradient() {
    NdArray x = fixture.array(Shape.of(2), 1, 2);
    NdArray gradient = fixture.gradientOf(x);
    try (Tape tape = fixture.training()) {
      tape.backward(tape.variable(x, gradient), fixture.array(Shape.of(2), 3, -4));
    }
    assertThat(fixture.values(gradient)).containsExactly(3, -4);
  }

  @Test
  void refusesAGradientOfAnotherShapeOrType() {
    NdArray x = fixture.array(Shape.of(2), 1, 2);
    try (Tape tape = fixture.training()) {
      Tensor y = tape.variable(x, fixture.gradientOf(x)).scale(2);
      assertThatThrownBy(() -> tape.backward(y, fixture.array(Shape.of(2, 1), 1, 1)))
          .isInstanceOf(ShapeException.class)
          .hasMessage("backward: dy must have the shape of y, got [2] and [2, 1]");
      assertThatThrownBy(() -> tape.backward(y, fixture.integers(Shape.of(2), 1, 1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("backward: dy must have the element type of y, got F64[2] and I32[2]");
    }
  }

  // ---- gradients that forward computes

  @Test
  void theHeadsGradientNeedsNoMemoryOfItsOwn() {
    NdArray head = fixture.normal(RandomStream.of(1, "head"), 512, 8);
    NdArray gradient = fixture.gradientOf(head);
    NdArray x = fixture.normal(RandomStream.of(2, "x"), 3, 8);
    long before = fixture.pool.lentBytes();
    try (Tape tape = fixture.training()) {
      Tensor loss = headLoss(tape, x, tape.variable(head, gradient));
      assertThat(fixture.pool.lentBytes() - before).isLessThan(head.size() * DType.F64.bytes() / 4);
      tape.backward(loss);
    }
    // The same through an op after the loss, which needs the memory.
    NdArray scaled = fixture.gradientOf(head);
    try (Tape tape = fixture.training()) {
      tape.backward(headLoss(tape, x, tape.variable(head, scaled)).scale(2));
    }
    double[] once = fixture.values(gradient);
    double[] twice = fixture.values(scaled);
    for (int i = 0; i < once.length; i++) {
      assertThat(twice[i]).isEqualTo(2 * once[i]);
    }
    assertThat(once).doesNotContain(0);
  }

  @Test
  void twoLossesShareAHead() {
    NdArray head = fixture.normal(RandomStream.of(1, "head"), 12, 8);
    NdArray first = fixture.gradientOf(head);
    NdArray second = fixture.gradientOf(head);
    NdArray both = fixture.gradientOf(head);
    NdArray x = fixture.normal(RandomStream.of(2, "x"), 3, 8);
    NdArray y = fixture.normal(RandomStream.of(3, "y"), 3, 8);
    try (Tape tape = fixture.training()) {
      tape.backward(headLoss(tape, x, tape.variable(head, first)));
    }
    try (Tape tape = fixture.training()) {
      // One that backward does not begin at is nobody's gradient.
      headLoss(tape, x, tape.variable(head, second));
      tape.backward(headLoss(tape, y, tape.variable(head, second)));
    }
    try (Tape tape = fixture.training()) {
      Tensor w = tape.variable(head, both);
      tape.backward(headLoss(tape, x, w).add(headLoss(tape, y, w)));
    }
    double[] a = fixture.values(first);
    double[] b = fixture.values(second);
    double[] sum = fixture.values(both);
    for (int i = 0; i < sum.length; i++) {
      assertThat(sum[i]).isCloseTo(a[i] + b[i], within(1e-12));
    }
  }

  private Tensor headLoss(Tape tape, NdArray x, Tensor head) {
    int[] targets = {1, 2, 3};
    return tape.constant(x).linearCrossEntropy(head, tape.constant(targets, Shape.of(3)), 1.0 / 3);
  }
}

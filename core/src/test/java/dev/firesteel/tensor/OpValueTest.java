package dev.firesteel.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeScaling;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What ops compute, against numbers worked out by hand and against laws they must keep. */
class OpValueTest {
  private static final Offset<Double> EXACT = within(1e-12);

  private final TensorFixture fixture = new TensorFixture();
  private final Tape tape = fixture.inference();
  private final RandomStream random = RandomStream.of(7, "op values");

  @AfterEach
  void close() {
    tape.close();
    fixture.close();
  }

  private Tensor of(Shape shape, double... values) {
    return tape.constant(fixture.array(shape, values));
  }

  private Tensor ids(int... values) {
    return tape.constant(values, Shape.of(values.length));
  }

  private Tensor normal(int... dims) {
    return tape.constant(fixture.normal(random, dims));
  }

  private void assertValues(Tensor actual, double... expected) {
    assertThat(fixture.values(actual)).containsExactly(expected, EXACT);
  }

  private void assertSame(Tensor actual, Tensor expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertValues(actual, fixture.values(expected));
  }

  // ---- elementwise

  @Test
  void addRepeatsTheTrailingShape() {
    Tensor x = of(Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    assertValues(x.add(x), 2, 4, 6, 8, 10, 12);
    assertValues(x.add(of(Shape.of(3), 10, 20, 30)), 11, 22, 33, 14, 25, 36);
    assertValues(x.add(of(Shape.scalar(), 100)), 101, 102, 103, 104, 105, 106);
    assertValues(x.multiply(x).scale(-0.5), -0.5, -2, -4.5, -8, -12.5, -18);
  }

  /** Computed from the formulas with mpmath at 30 digits. */
  @ParameterizedTest
  @CsvSource({
    "IDENTITY, 1.25, 1.25",
    "GELU_TANH, 1, 0.8411919906082767",
    "GELU_TANH, -1, -0.1588080093917233",
    "GELU_ERF, 1, 0.8413447460685429",
    "GELU_ERF, -1, -0.15865525393145707",
    "SILU, 1, 0.7310585786300049",
    "SILU, -2, -0.23840584404423512",
  })
  void activationsHaveTheirKnownValues(Activation f, double x, double y) {
    assertThat(of(Shape.scalar(), x).activation(f).item()).isCloseTo(y, EXACT);
  }

  @Test
  void swiGluIsSiluOfGateTimesUp() {
    Tensor gate = normal(5, 3);
    Tensor up = normal(5, 3);
    assertSame(gate.concat(1, up).swiGlu(), gate.activation(Activation.SILU).multiply(up));
  }

  // ---- dropout

  @Test
  void dropoutKeepsTheMeanAndScalesWhatStays() {
    int n = 100_000;
    double[] ones = new double[n];
    Arrays.fill(ones, 1);
    for (double p : new double[] {0.1, 0.5}) {
      double[] dropped = fixture.values(of(Shape.of(n), ones).dropout(99, p));
      double kept = 1 / (1 - p);
      assertThat(Arrays.stream(dropped).filter(y -> y != 0).distinct()).containsExactly(kept);
      // Five standard errors.
      assertThat(Arrays.stream(dropped).average().orElseThrow())
          .isCloseTo(1, within(5 * Math.sqrt(p / (1 - p) / n)));
    }
  }

  @Test
  void dropoutMasksTheGradientAsTheValue() {
    NdArray value = fixture.normal(random, 200);
    NdArray gradient = fixture.gradientOf(value);
    double[] dropped;
    try (Tape training = fixture.training()) {
      Tensor y = training.variable(value, gradient).dropout(5, 0.4);
      dropped = fixture.values(y);
      training.backward(y.sum());
    }
    double[] masked = fixture.values(gradient);
    double[] x = fixture.values(value);
    for (int i = 0; i < masked.length; i++) {
      assertThat(masked[i] * x[i]).isCloseTo(dropped[i], EXACT);
    }
  }

  @Test
  void dropoutOfNothingIsTheTensorItself() {
    Tensor x = normal(3);
    assertThat(x.dropout(1, 0)).isSameAs(x);
  }

  @Test
  void dropoutWithAnotherKeyHasAnotherMask() {
    Tensor x = normal(100);
    assertThat(fixture.values(x.dropout(1, 0.5))).isNotEqualTo(fixture.values(x.dropout(2, 0.5)));
  }

  // ---- products

  @Test
  void linearMultipliesWithTheTransposedWeight() {
    Tensor x = of(Shape.of(2, 2), 1, 2, 3, 4);
    Tensor w = of(Shape.of(3, 2), 1, 0, 0, 1, 1, -1);
    assertValues(x.linear(w, null), 1, 2, -1, 3, 4, -1);
    assertValues(x.linear(w, of(Shape.of(3), 10, 20, 30)), 11, 22, 29, 13, 24, 29);
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void linearFusesTheActivation(Activation f) {
    Tensor x = normal(2, 3, 5);
    Tensor w = normal(4, 5);
    Tensor b = normal(4);
    assertSame(x.linear(w, b, f), x.linear(w, null).add(b).activation(f));
  }

  @Test
  void matMulMultipliesEachPairOfTheBatch() {
    Tensor a = of(Shape.of(2, 1, 2), 1, 2, 3, 4);
    Tensor b = of(Shape.of(2, 2, 1), 5, 6, 7, 8);
    assertValues(a.matMul(b), 17, 53);
    Tensor x = normal(3, 4);
    Tensor w = normal(5, 4);
    double[] values = fixture.values(w);
    double[] transposed = new double[20];
    for (int i = 0; i < 20; i++) {
      transposed[i] = values[i % 5 * 4 + i / 5];
    }
    assertSame(x.matMul(of(Shape.of(4, 5), transposed)), x.linear(w, null));
  }

  // ---- rows

  @Test
  void embeddingTakesRowsById() {
    Tensor table = of(Shape.of(3, 2), 1, 2, 3, 4, 5, 6);
    Tensor y = tape.constant(new int[] {2, 0, 2, 1}, Shape.of(2, 2)).embedding(table);
    assertThat(y.shape()).isEqualTo(Shape.of(2, 2, 2));
    assertValues(y, 5, 6, 1, 2, 5, 6, 3, 4);
  }

  @Test
  void layerNormRowsHaveMeanZeroAndVarianceOne() {
    int width = 64;
    double[] ones = new double[width];
    Arrays.fill(ones, 1);
    Tensor x = normal(5, width).scale(3).add(of(Shape.scalar(), 2));
    double[] y = fixture.values(x.layerNorm(of(Shape.of(width), ones), null, 1e-12));
    for (int row = 0; row < 5; row++) {
      double[] values = Arrays.copyOfRange(y, row * width, (row + 1) * width);
      assertThat(Arrays.stream(values).sum() / width).isCloseTo(0, EXACT);
      assertThat(Arrays.stream(values).map(v -> v * v).sum() / width).isCloseTo(1, within(1e-10));
    }
  }

  @Test
  void normsByHand() {
    Tensor x = of(Shape.of(1, 2), 1, 3);
    Tensor gain = of(Shape.of(2), 10, 20);
    // Mean 2, variance 1, and epsilon makes it 4.
    assertValues(x.layerNorm(gain, of(Shape.of(2), 1, 2), 3), -4, 12);
    // Mean square 5, and epsilon makes it 9.
    assertValues(x.rmsNorm(gain, 4), 10 / 3.0, 20);
  }

  @Test
  void rmsNormRowsHaveMeanSquareOne() {
    double[] ones = {1, 1, 1, 1, 1, 1, 1, 1};
    double[] y = fixture.values(normal(3, 8).rmsNorm(of(Shape.of(8), ones), 1e-14));
    for (int row = 0; row < 3; row++) {
      double squares = Arrays.stream(y, row * 8, (row + 1) * 8).map(v -> v * v).sum();
      assertThat(squares / 8).isCloseTo(1, within(1e-10));
    }
  }

  @Test
  void softmaxIgnoresAShiftAndSumsToOne() {
    Tensor x = normal(4, 9);
    Tensor y = x.softmax();
    assertSame(x.add(of(Shape.scalar(), 700)).softmax(), y);
    double[] values = fixture.values(y);
    for (int row = 0; row < 4; row++) {
      assertThat(Arrays.stream(values, row * 9, (row + 1) * 9).sum()).isCloseTo(1, EXACT);
    }
    assertValues(of(Shape.of(2), 0, Math.log(3)).softmax(), 0.25, 0.75);
  }

  // ---- positions

  @Test
  void ropeTurnsByThePosition() {
    RopeSpec spec = new RopeSpec(1, 2, 10000, RopeSpec.Layout.HALF);
    Tensor x = of(Shape.of(1, 3, 3), 1, 0, 9, 1, 0, 9, 0, 1, 9);
    assertValues(x.rope(spec), 1, 0, 9, Math.cos(1), Math.sin(1), 9, -Math.sin(2), Math.cos(2), 9);
  }

  @Test
  void ropeLayoutsPairTheirElements() {
    // Pairs turn by p and p / 10 at theta 100 and width 4.
    Tensor x = of(Shape.of(1, 1, 4), 1, 2, 3, 4);
    double c0 = Math.cos(3);
    double s0 = Math.sin(3);
    double c1 = Math.cos(0.3);
    double s1 = Math.sin(0.3);
    assertValues(
        x.rope(new RopeSpec(1, 4, 100, RopeSpec.Layout.HALF), positions(3)),
        c0 - 3 * s0,
        2 * c1 - 4 * s1,
        s0 + 3 * c0,
        2 * s1 + 4 * c1);
    assertValues(
        x.rope(new RopeSpec(1, 4, 100, RopeSpec.Layout.INTERLEAVED), positions(3)),
        c0 - 2 * s0,
        s0 + 2 * c0,
        3 * c1 - 4 * s1,
        3 * s1 + 4 * c1);
  }

  @Test
  void ropeMultipliesByTheMagnitude() {
    RopeScaling scaling = new RopeScaling.Yarn(4, 1, 32, 1, 1.25, true);
    Tensor x = of(Shape.of(1, 1, 3), 1, 0, 9);
    double angle = 3 * scaling.frequency(100, 2, 0);
    assertValues(
        x.rope(new RopeSpec(1, 2, 100, RopeSpec.Layout.HALF, scaling), positions(3)),
        1.25 * Math.cos(angle),
        1.25 * Math.sin(angle),
        9);
  }

  @ParameterizedTest
  @EnumSource(RopeSpec.Layout.class)
  void ropeKeepsNormsAndSeesOnlyRelativePositions(RopeSpec.Layout layout) {
    RopeSpec spec = new RopeSpec(1, 16, 10000, layout);
    Tensor query = normal(1, 1, 16);
    Tensor key = normal(1, 1, 16);
    double norm = query.multiply(query).sum().item();
    double[] products = new double[3];
    int[][] positions = {{0, 5}, {10, 15}, {995, 1000}};
    for (int i = 0; i < products.length; i++) {
      Tensor q = query.rope(spec, positions(positions[i][0]));
      Tensor k = key.rope(spec, positions(positions[i][1]));
      assertThat(q.multiply(q).sum().item()).isCloseTo(norm, EXACT);
      products[i] = q.multiply(k).sum().item();
    }
    assertThat(products[1]).isCloseTo(products[0], within(1e-10));
    assertThat(products[2]).isCloseTo(products[0], within(1e-10));
    assertThat(query.multiply(key).sum().item()).isNotCloseTo(products[0], within(1e-3));
  }

  @Test
  void ropeFromPositionsIsTheTailOfRopeFromZero() {
    RopeSpec spec = new RopeSpec(2, 4, 10000, RopeSpec.Layout.HALF);
    Tensor x = normal(1, 6, 10);
    assertSame(x.slice(1, 4, 6).rope(spec, positions(4, 5)), x.rope(spec).slice(1, 4, 6));
  }

  // ---- attention

  @Test
  void causalAttentionByHand() {
    AttentionSpec spec = AttentionSpec.of(1, 1, 1);
    // Rows of q | k | v; the second query scores its two keys 1 and -2.
    Tensor qkv = of(Shape.of(1, 2, 3), 1, 0.5, 10, 2, -1, 20);
    double p = 1 / (1 + Math.exp(-3));
    assertValues(causal(qkv, spec), 10, 10 * p + 20 * (1 - p));
  }

  @Test
  void causalAttentionIsSoftmaxOfMaskedScores() {
    int tokens = 5;
    int width = 4;
    AttentionSpec spec = AttentionSpec.of(1, 1, width);
    Tensor qkv = normal(1, tokens, 3 * width);
    Tensor q = qkv.slice(2, 0, width).reshape(tokens, width);
    Tensor k = qkv.slice(2, width, 2 * width).reshape(tokens, width);
    Tensor v = qkv.slice(2, 2 * width, 3 * width).reshape(tokens, width);
    double[] mask = new double[tokens * tokens];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = i % tokens > i / tokens ? Double.NEGATIVE_INFINITY : 0;
    }
    Tensor scores = q.linear(k, null).scale(0.5).add(of(Shape.of(tokens, tokens), mask));
    assertSame(causal(qkv, spec).reshape(tokens, width), scores.softmax().matMul(v));
  }

  @Test
  void causalAttentionIgnoresTheFuture() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 8);
    Tensor past = normal(2, 5, spec.packedWidth());
    Tensor future = normal(2, 3, spec.packedWidth());
    Tensor other = normal(2, 3, spec.packedWidth());
    Tensor one = causal(past.concat(1, future), spec).slice(1, 0, 5);
    Tensor two = causal(past.concat(1, other), spec).slice(1, 0, 5);
    assertThat(fixture.values(one)).isEqualTo(fixture.values(two));
    assertSame(one, causal(past, spec));
  }

  @Test
  void groupedQueriesReadRepeatedKeysAndValues() {
    int width = 4;
    AttentionSpec grouped = AttentionSpec.of(6, 2, width);
    Tensor qkv = normal(2, 5, grouped.packedWidth());
    Tensor repeated = qkv.slice(2, 0, 6 * width);
    for (int start : new int[] {6, 8}) {
      for (int head = 0; head < 6; head++) {
        int at = (start + head / 3) * width;
        repeated = repeated.concat(2, qkv.slice(2, at, at + width));
      }
    }
    assertSame(causal(qkv, grouped), causal(repeated, AttentionSpec.of(6, 6, width)));
  }

  private Tensor causal(Tensor qkv, AttentionSpec spec) {
    return qkv.attention(
        spec, ranges(qkv, RowLayout.whole(qkv.shape().dim(0), qkv.shape().dim(1)).causal()));
  }

  private Tensor ranges(Tensor qkv, int... ranges) {
    return tape.constant(ranges, Shape.of(qkv.shape().dim(0), qkv.shape().dim(1), 2));
  }

  /** Of one sequence. */
  private Tensor positions(int... positions) {
    return tape.constant(positions, Shape.of(1, positions.length));
  }

  @Test
  void attentionWithAScaleABiasAndARangeByHand() {
    AttentionSpec spec = new AttentionSpec(1, 1, 1, 3, AttentionSpec.NO_WINDOW);
    Tensor q = of(Shape.of(1, 1, 1), 2);
    Tensor kv = of(Shape.of(1, 4, 2), 9, 900, 0.5, 10, -0.25, 20, 9, 900);
    Tensor bias = of(Shape.of(1, 1, 4), 100, 1, -1, 100);
    // Scores of the two keys in range: 3 * 2 * 0.5 + 1 = 4 and 3 * 2 * -0.25 - 1 = -2.5.
    double p = 1 / (1 + Math.exp(-6.5));
    Tensor y =
        Tensor.attention(
            spec,
            new HeadColumns(q, 0),
            new HeadColumns(kv, 0),
            new HeadColumns(kv, 1),
            ranges(q, 1, 3),
            bias);
    assertValues(y, 10 * p + 20 * (1 - p));
  }

  @Test
  void aWindowKeepsTheLastKeysOfTheRange() {
    AttentionSpec spec = AttentionSpec.of(2, 1, 4);
    Tensor qkv = normal(1, 6, spec.packedWidth());
    int[] windowed = new int[12];
    for (int t = 0; t < 6; t++) {
      windowed[2 * t] = Math.max(0, t - 2);
      windowed[2 * t + 1] = t + 1;
    }
    assertSame(causal(qkv, spec.withWindow(3)), qkv.attention(spec, ranges(qkv, windowed)));
  }

  /** A document's values are equal, not only close, in every layout. */
  @Test
  void aDocumentDoesNotDependOnWhatElseIsInTheRow() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 8);
    Tensor a = normal(1, 5, spec.packedWidth());
    Tensor b = normal(1, 3, spec.packedWidth());
    double[] alone = fixture.values(causal(a, spec));
    Tensor packed = b.concat(1, a, b);
    int[] ranges = RowLayout.packed(11, new int[] {3, 5, 3}).causal();
    Tensor whole = packed.attention(spec, ranges(packed, ranges));
    assertThat(fixture.values(whole.slice(1, 3, 8))).isEqualTo(alone);
    Tensor left = b.concat(1, a);
    Tensor padded =
        left.attention(spec, ranges(left, RowLayout.leftPadded(8, 5).causal())).slice(1, 3, 8);
    assertThat(fixture.values(padded)).isEqualTo(alone);
  }

  @Test
  void attentionBesideACacheIsThatOfTheWholeRow() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 8);
    int tokens = 7;
    Tensor qkv = normal(2, tokens, spec.packedWidth());
    Tensor whole = causal(qkv, spec);
    for (int[] chunks : new int[][] {{1, 1, 1, 1, 1, 1, 1}, {7}, {3, 1, 3}}) {
      Tensor keys = of(Shape.of(2, 9, 16));
      Tensor values = of(Shape.of(2, 9, 16));
      int start = 0;
      for (int chunk : chunks) {
        Tensor part = cached(qkv.slice(1, start, start + chunk), spec, keys, values, start, start);
        assertSame(part, whole.slice(1, start, start + chunk));
        start += chunk;
      }
    }
  }

  private Tensor cached(Tensor qkv, AttentionSpec spec, Tensor keys, Tensor values, int... past) {
    NdArray positions = ids(past).array();
    tape.backend().attention().append(qkv.array(), spec.packedKeys(), keys.array(), positions);
    tape.backend().attention().append(qkv.array(), spec.packedValues(), values.array(), positions);
    return Tensor.attention(
        spec,
        new HeadColumns(qkv, 0),
        new HeadColumns(keys, 0),
        new HeadColumns(values, 0),
        ranges(qkv, RowLayout.cached(qkv.shape().dim(1), past)),
        null);
  }

  @Test
  void aCacheKeepsSequencesOfDifferentLengthsApart() {
    AttentionSpec spec = AttentionSpec.of(2, 1, 4);
    Tensor a = normal(1, 5, spec.packedWidth());
    Tensor b = normal(1, 5, spec.packedWidth());
    Tensor keys = of(Shape.of(2, 6, 4));
    Tensor values = of(Shape.of(2, 6, 4));
    // b's prompt has 2 tokens; what it is padded with is overwritten by its next token.
    cached(
        a.slice(1, 0, 4).concat(0, b.slice(1, 0, 2).concat(1, normal(1, 2, spec.packedWidth()))),
        spec,
        keys,
        values,
        0,
        0);
    Tensor next = cached(a.slice(1, 4, 5).concat(0, b.slice(1, 2, 3)), spec, keys, values, 4, 2);
    assertSame(next.slice(0, 0, 1), causal(a, spec).slice(1, 4, 5));
    assertSame(next.slice(0, 1, 2), causal(b, spec).slice(1, 2, 3));
  }

  // ---- loss

  @Test
  void crossEntropyIsTheNegativeLogOfTheTargetsProbability() {
    Tensor logits = normal(3, 5);
    double[] probabilities = fixture.values(logits.softmax());
    assertValues(
        logits.crossEntropy(ids(4, -1, 0)),
        -Math.log(probabilities[4]),
        0,
        -Math.log(probabilities[10]));
    double[] equal = new double[8];
    assertThat(of(Shape.of(1, 8), equal).crossEntropy(ids(3)).sum().item())
        .isCloseTo(Math.log(8), EXACT);
  }

  @Test
  void linearCrossEntropyIsLinearThenCrossEntropy() {
    NdArray x = fixture.normal(random, 2, 3, 4);
    NdArray w = fixture.normal(random, 9, 4);
    NdArray targets = fixture.integers(Shape.of(2, 3), 8, 0, -1, 3, 3, -7);
    double[][] losses = new double[2][];
    NdArray[][] gradients = new NdArray[2][2];
    for (int fused = 0; fused < 2; fused++) {
      gradients[fused][0] = fixture.gradientOf(x);
      gradients[fused][1] = fixture.gradientOf(w);
      try (Tape training = fixture.training()) {
        Tensor hidden = training.variable(x, gradients[fused][0]);
        Tensor head = training.variable(w, gradients[fused][1]);
        Tensor wanted = training.constant(targets);
        Tensor loss =
            fused == 1
                ? hidden.linearCrossEntropy(head, wanted, 0.25)
                : hidden.linear(head, null).crossEntropy(wanted).sum().scale(0.25);
        losses[fused] = fixture.values(loss);
        training.backward(loss.scale(3));
      }
    }
    assertThat(losses[1]).containsExactly(losses[0], EXACT);
    for (int i = 0; i < 2; i++) {
      assertThat(fixture.values(gradients[1][i]))
          .containsExactly(fixture.values(gradients[0][i]), EXACT);
    }
  }

  @Test
  void tokenLossesAndEntropiesAreThoseOfTheDistributionAtATemperature() {
    Tensor x = normal(2, 3, 4);
    Tensor w = normal(9, 4);
    int[] targets = {8, 0, -1, 3, 3, -7};
    Tensor wanted = tape.constant(targets, Shape.of(2, 3));
    double temperature = 0.7;
    double[] p = fixture.values(x.linear(w, null).scale(1 / temperature).softmax());
    double[] expected = new double[12];
    for (int m = 0; m < 6; m++) {
      for (int v = 0; v < 9 && targets[m] >= 0; v++) {
        double log = Math.log(p[m * 9 + v]);
        expected[m] -= v == targets[m] ? log : 0;
        expected[6 + m] -= p[m * 9 + v] * log;
      }
    }
    Tensor both = x.tokenLossesAndEntropies(w, wanted, temperature);
    assertThat(both.shape()).isEqualTo(Shape.of(2, 2, 3));
    assertValues(both, expected);
    Tensor losses = x.tokenLosses(w, wanted, temperature);
    assertThat(losses.shape()).isEqualTo(Shape.of(2, 3));
    assertValues(losses, Arrays.copyOf(expected, 6));
    assertSame(x.tokenLosses(w, wanted, 1), x.linear(w, null).crossEntropy(wanted));
    // All tokens are equally likely.
    Tensor equal = of(Shape.of(1, 4)).tokenLossesAndEntropies(w, ids(5), 2);
    assertValues(equal, Math.log(9), Math.log(9));
  }

  // ---- views and parts

  @Test
  void sliceTakesARangeOfAnyAxis() {
    Tensor x = of(Shape.of(2, 2, 3), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    assertValues(x.slice(0, 1, 2), 6, 7, 8, 9, 10, 11);
    assertValues(x.slice(1, 0, 1), 0, 1, 2, 6, 7, 8);
    assertValues(x.slice(2, 1, 3), 1, 2, 4, 5, 7, 8, 10, 11);
    assertSame(x.slice(-1, 1, 3), x.slice(2, 1, 3));
  }

  @Test
  void concatPutsBackWhatSliceTookApart() {
    Tensor x = normal(4, 5, 6);
    for (int axis = -3; axis < 3; axis++) {
      assertSame(
          x.slice(axis, 0, 1)
              .concat(axis, x.slice(axis, 1, 3), x.slice(axis, 3, x.shape().dim(axis))),
          x);
    }
  }

  @Test
  void reshapeIsAView() {
    Tensor x = normal(2, 6);
    Tensor y = x.reshape(3, 4);
    assertThat(y.array().storage()).isSameAs(x.array().storage());
    assertValues(y, fixture.values(x));
    assertThat(ids(1, 2, 3, 4).reshape(2, 2).shape()).isEqualTo(Shape.of(2, 2));
  }
}

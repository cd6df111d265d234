package dev.firesteel.tensor;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeSpec;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What each op says to operands that do not fit: what it requires and every shape it got. */
class OpShapeTest {
  private final TensorFixture fixture = new TensorFixture();
  private final Tape tape = fixture.inference();

  @AfterEach
  void close() {
    tape.close();
    fixture.close();
  }

  private Tensor x(int... dims) {
    return tape.constant(fixture.array(Shape.of(dims)));
  }

  private Tensor ids(int... dims) {
    Shape shape = Shape.of(dims);
    return tape.constant(new int[(int) shape.size()], shape);
  }

  private static void refuses(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(ShapeException.class).hasMessage(message);
  }

  private static void refusesType(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }

  @Test
  void add() {
    String required = "add: b must have a's shape or a trailing part of it, got ";
    refuses(() -> x(2, 3).add(x(2)), required + "[2, 3] and [2]");
    refuses(() -> x(3).add(x(2, 3)), required + "[3] and [2, 3]");
    refuses(() -> x(2, 3).add(x(1, 3)), required + "[2, 3] and [1, 3]");
  }

  @Test
  void multiply() {
    refuses(
        () -> x(2, 3).multiply(x(3, 2)), "multiply: shapes must be equal, got [2, 3] and [3, 2]");
  }

  @Test
  void swiGlu() {
    String required = "swiGlu: the last axis must hold gate and up, of equal width, got ";
    refuses(() -> x(2, 3).swiGlu(), required + "[2, 3]");
    refuses(() -> x().swiGlu(), required + "[]");
  }

  @Test
  void dropout() {
    for (double p : new double[] {-0.1, 1, Double.NaN}) {
      refusesType(() -> x(2).dropout(1, p), "dropout: probability must be in [0, 1), got " + p);
    }
  }

  @Test
  void linear() {
    String required = "linear: x [..., K] and w [N, K] must share K, got ";
    refuses(() -> x(2, 3).linear(x(3, 4), null), required + "[2, 3] and [3, 4]");
    refuses(() -> x(2, 3).linear(x(3), null), required + "[2, 3] and [3]");
    refuses(
        () -> x(2, 3).linear(x(4, 3), x(3), Activation.SILU),
        "linear: the bias must be [N] for w [N, K], got [2, 3] and [4, 3] and [3]");
  }

  @Test
  void matMul() {
    refuses(
        () -> x(8, 128, 64).matMul(x(32, 256)),
        "matMul: inner dimensions must match, got [8, 128, 64] and [32, 256]");
    refuses(
        () -> x(2, 3, 4).matMul(x(2, 5, 4)),
        "matMul: inner dimensions must match, got [2, 3, 4] and [2, 5, 4]");
    refuses(
        () -> x(2, 6, 3, 4).matMul(x(3, 4, 4, 5)),
        "matMul: batch dimensions must match one by one, got [2, 6, 3, 4] and [3, 4, 4, 5]");
  }

  @Test
  void embedding() {
    refuses(() -> ids(2).embedding(x(5)), "embedding: the table must be [V, C], got [2] and [5]");
  }

  @Test
  void norms() {
    refuses(
        () -> x(2, 3).layerNorm(x(2), null, 1e-5),
        "layerNorm: gain and bias must be [C] for x [..., C], got [2, 3] and [2]");
    refuses(
        () -> x(2, 3).layerNorm(x(3), x(4), 1e-5),
        "layerNorm: gain and bias must be [C] for x [..., C], got [2, 3] and [3] and [4]");
    refuses(
        () -> x(2, 3).rmsNorm(x(1, 3), 1e-5),
        "rmsNorm: gain and bias must be [C] for x [..., C], got [2, 3] and [1, 3]");
  }

  @Test
  void softmax() {
    refuses(() -> x().softmax(), "softmax: x must have rank >= 1, got []");
  }

  @Test
  void rope() {
    RopeSpec spec = new RopeSpec(2, 4, 10000, RopeSpec.Layout.HALF);
    String required = "rope: x must be [B, T, W] and hold the heads of " + spec + ", got ";
    refuses(() -> x(2, 3, 7).rope(spec), required + "[2, 3, 7]");
    refuses(() -> x(3, 8).rope(spec), required + "[3, 8]");
    refuses(
        () -> x(2, 3, 8).rope(spec, ids(3)),
        "rope: positions must be [B, T] for x [B, T, W], got [2, 3, 8] and [3]");
  }

  @Test
  void attention() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 8);
    refuses(
        () -> x(2, 3, 63).attention(spec, ids(2, 3, 2)),
        "attention: values must be the columns [48, 64) of [B, T, W] for "
            + spec
            + ", got [2, 3, 63]");
    refuses(
        () -> x(3, 64).attention(spec, ids(2, 3, 2)),
        "attention: queries must be the columns [0, 32) of [B, T, W] for "
            + spec
            + ", got [3, 64]");
    refuses(
        () -> x(2, 3, 64).attention(spec, ids(2, 3)),
        "attention: ranges must be [B, Tq, 2] for queries [B, Tq, ...], got [2, 3] and [2, 3, 64]");
    refuses(
        () -> across(spec, x(2, 3, 32), x(1, 5, 16), x(1, 5, 16), null),
        "attention: queries [B, Tq, ...], keys and values [B, Tk, ...] must share B and Tk, got"
            + " [2, 3, 32] and [1, 5, 16] and [1, 5, 16]");
    refuses(
        () -> across(spec, x(2, 3, 32), x(2, 5, 16), x(2, 4, 16), null),
        "attention: queries [B, Tq, ...], keys and values [B, Tk, ...] must share B and Tk, got"
            + " [2, 3, 32] and [2, 5, 16] and [2, 4, 16]");
    refuses(
        () -> across(spec, x(2, 3, 32), x(2, 5, 16), x(2, 5, 16), x(4, 3, 3)),
        "attention: the bias must be [H, Tq, Tk] for queries [B, Tq, ...], keys [B, Tk, ...] and "
            + spec
            + ", got [4, 3, 3] and [2, 3, 32] and [2, 5, 16]");
  }

  private Tensor across(AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor bias) {
    return Tensor.attention(
        spec,
        new HeadColumns(q, 0),
        new HeadColumns(k, 0),
        new HeadColumns(v, 0),
        ids(2, 3, 2),
        bias);
  }

  @Test
  void attentionOfColumnsThatOverlap() {
    AttentionSpec spec = AttentionSpec.of(1, 1, 4);
    Tensor rows = x(1, 1, 12);
    assertThatThrownBy(
            () ->
                Tensor.attention(
                    spec,
                    new HeadColumns(rows, 0),
                    new HeadColumns(rows, 3),
                    new HeadColumns(rows, 8),
                    ids(1, 1, 2),
                    null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "attention: queries, keys and values must be different columns, got 0 and 3 of the same"
                + " rows");
  }

  @Test
  void losses() {
    refuses(
        () -> x(2, 3, 5).crossEntropy(ids(2, 2)),
        "crossEntropy: there must be one target for each row, got [2, 3, 5] and [2, 2]");
    String required =
        "linearCrossEntropy: x [..., C], w [V, C] and one target for each row of x, got ";
    refuses(
        () -> x(2, 3).linearCrossEntropy(x(5, 4), ids(2), 1),
        required + "[2, 3] and [5, 4] and [2]");
    refuses(
        () -> x(2, 3).linearCrossEntropy(x(5, 3), ids(3), 1),
        required + "[2, 3] and [5, 3] and [3]");
    refuses(
        () -> x(2, 3).tokenLosses(x(5, 4), ids(2), 1),
        "tokenLosses: x [..., C], w [V, C] and one target for each row of x, got [2, 3] and [5, 4]"
            + " and [2]");
    refuses(
        () -> x(2, 3).tokenLossesAndEntropies(x(5, 3), ids(3), 1),
        "tokenLosses: x [..., C], w [V, C] and one target for each row of x, got [2, 3] and [5, 3]"
            + " and [3]");
    for (double temperature : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      refusesType(
          () -> x(2, 3).tokenLosses(x(5, 3), ids(2), temperature),
          "tokenLosses: the temperature must be positive and finite, got " + temperature);
    }
  }

  @Test
  void reshape() {
    refuses(() -> x(2, 3).reshape(4), "reshape: sizes must match, got [2, 3] and [4]");
  }

  @Test
  void slice() {
    refuses(() -> x(2, 3).slice(1, 1, 4), "slice: [1, 4) must lie within axis 1, got [2, 3]");
    refuses(() -> x(2, 3).slice(1, 2, 1), "slice: [2, 1) must lie within axis 1, got [2, 3]");
    refuses(() -> x(2, 3).slice(2, 0, 1), "slice: [0, 1) must lie within axis 2, got [2, 3]");
    refuses(() -> x(2, 3).slice(-3, 0, 1), "slice: [0, 1) must lie within axis -1, got [2, 3]");
  }

  @Test
  void concat() {
    refuses(
        () -> x(2, 3).concat(1, x(3, 3)),
        "concat: all axes but 1 must be equal, got [2, 3] and [3, 3]");
    refuses(
        () -> x(2, 3).concat(0, x(2, 3), x(3)),
        "concat: all axes but 0 must be equal, got [2, 3] and [2, 3] and [3]");
    refuses(
        () -> x(2, 3).concat(2, x(2, 3)),
        "concat: all axes but 2 must be equal, got [2, 3] and [2, 3]");
  }

  @Test
  void elementTypes() {
    refusesType(
        () -> x(2, 3).embedding(x(5, 4)), "embedding: operand 0 must be I32, got F64[2, 3]");
    refusesType(
        () -> ids(2, 3).embedding(ids(5, 4)),
        "embedding: operand 1 must be F32 or F64, got I32[5, 4]");
    refusesType(
        () -> x(2, 3).crossEntropy(x(2)), "crossEntropy: operand 1 must be I32, got F64[2]");
    refusesType(
        () -> x(2, 3).linearCrossEntropy(x(5, 3), x(2), 1),
        "linearCrossEntropy: operand 2 must be I32, got F64[2]");
    refusesType(
        () -> x(2, 3).tokenLosses(x(5, 3), x(2), 1),
        "tokenLosses: operand 2 must be I32, got F64[2]");
    refusesType(() -> ids(2).add(ids(2)), "add: operand 0 must be F32 or F64, got I32[2]");
    Tensor narrow = tape.constant(new NdArray(HeapStorage.allocate(DType.F32, 2), 0, Shape.of(2)));
    refusesType(
        () -> x(2).add(narrow), "add: operands must be of one element type, got [F64[2], F32[2]]");
  }
}

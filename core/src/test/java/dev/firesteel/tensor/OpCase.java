package dev.firesteel.tensor;

import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeScaling;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;

/**
 * One row of the op table: an op on operands made by generators. Each op of the package has at
 * least one row; {@code OpGradientTest} walks them.
 *
 * @param name for messages, starts with the op's name
 * @param inputs the operands that have a gradient
 * @param apply the op on its inputs; makes other operands (ids) on the tape itself
 */
record OpCase(String name, List<Input> inputs, BiFunction<Tape, Tensor[], Tensor> apply) {

  /** Draws one element of an operand. */
  @FunctionalInterface
  interface Generator {
    double draw(RandomStream random);
  }

  /** One operand. */
  record Input(Shape shape, Generator generator) {}

  private static final Generator NORMAL = RandomStream::nextGaussian;

  @Override
  public String toString() {
    return name;
  }

  private static Input normal(int... dims) {
    return new Input(Shape.of(dims), NORMAL);
  }

  private static OpCase op(String name, BiFunction<Tape, Tensor[], Tensor> apply, Input... inputs) {
    return new OpCase(name, List.of(inputs), apply);
  }

  static List<OpCase> table() {
    List<OpCase> rows = new ArrayList<>();
    rows.add(op("add", (t, x) -> x[0].add(x[1]), normal(2, 3, 4), normal(2, 3, 4)));
    rows.add(op("add of a bias", (t, x) -> x[0].add(x[1]), normal(2, 3, 4), normal(4)));
    rows.add(op("add of a table", (t, x) -> x[0].add(x[1]), normal(2, 3, 4), normal(3, 4)));
    rows.add(op("add of a scalar", (t, x) -> x[0].add(x[1]), normal(2, 3), normal()));
    rows.add(op("multiply", (t, x) -> x[0].multiply(x[1]), normal(3, 5), normal(3, 5)));
    rows.add(op("scale", (t, x) -> x[0].scale(-1.7), normal(3, 5)));
    for (Activation f : Activation.values()) {
      rows.add(op("activate " + f, (t, x) -> x[0].activation(f), normal(3, 7)));
      rows.add(
          op(
              "linear " + f,
              (t, x) -> x[0].linear(x[1], x[2], f),
              normal(2, 3, 5),
              normal(4, 5),
              normal(4)));
      rows.add(
          op(
              "linear without bias " + f,
              (t, x) -> x[0].linear(x[1], null, f),
              normal(6, 5),
              normal(4, 5)));
    }
    rows.add(op("swiGlu", (t, x) -> x[0].swiGlu(), normal(2, 3, 8)));
    rows.add(op("dropout", (t, x) -> x[0].dropout(12345, 0.3), normal(5, 11)));
    rows.add(op("matMul", (t, x) -> x[0].matMul(x[1]), normal(3, 5), normal(5, 4)));
    rows.add(
        op(
            "matMul in batches",
            (t, x) -> x[0].matMul(x[1]),
            normal(2, 3, 4, 5),
            normal(2, 3, 5, 2)));
    rows.add(
        op(
            "embedding",
            (t, x) -> t.constant(new int[] {1, 4, 1, 0, 1, 3}, Shape.of(2, 3)).embedding(x[0]),
            normal(6, 4)));
    rows.add(
        op(
            "layerNorm",
            (t, x) -> x[0].layerNorm(x[1], x[2], 1e-5),
            normal(2, 3, 8),
            normal(8),
            normal(8)));
    rows.add(
        op(
            "layerNorm without bias",
            (t, x) -> x[0].layerNorm(x[1], null, 1e-5),
            normal(3, 8),
            normal(8)));
    rows.add(op("rmsNorm", (t, x) -> x[0].rmsNorm(x[1], 1e-5), normal(2, 3, 8), normal(8)));
    rows.add(op("softmax", (t, x) -> x[0].softmax(), normal(2, 3, 6)));
    for (RopeSpec.Layout layout : RopeSpec.Layout.values()) {
      RopeSpec spec = new RopeSpec(2, 4, 100, layout);
      rows.add(op("rope " + layout, (t, x) -> x[0].rope(spec), normal(2, 3, 11)));
      rows.add(
          op(
              "rope from positions " + layout,
              (t, x) -> x[0].rope(spec, t.constant(new int[] {5, 2, 0, 1, 2, 9}, Shape.of(2, 3))),
              normal(2, 3, 11)));
    }
    RopeSpec scaled =
        new RopeSpec(
            2, 4, 100, RopeSpec.Layout.HALF, new RopeScaling.Yarn(4, 64, 32, 1, 1.25, true));
    rows.add(op("rope with a magnitude", (t, x) -> x[0].rope(scaled), normal(2, 3, 11)));
    addAttention(rows);
    rows.add(
        op(
            "crossEntropy",
            (t, x) ->
                x[0].crossEntropy(t.constant(new int[] {3, -1, 0, 6, 3, -100}, Shape.of(2, 3))),
            normal(2, 3, 7)));
    rows.add(
        op(
            "linearCrossEntropy",
            (t, x) ->
                x[0].linearCrossEntropy(
                    x[1], t.constant(new int[] {3, -1, 0, 6, 3, -100}, Shape.of(2, 3)), 0.25),
            normal(2, 3, 4),
            normal(7, 4)));
    for (double temperature : new double[] {1, 0.6}) {
      rows.add(
          op(
              "tokenLosses at temperature " + temperature,
              (t, x) ->
                  x[0].tokenLosses(
                      x[1],
                      t.constant(new int[] {3, -1, 0, 6, 3, -100}, Shape.of(2, 3)),
                      temperature),
              normal(2, 3, 4),
              normal(7, 4)));
      rows.add(
          op(
              "tokenLosses and entropies at temperature " + temperature,
              (t, x) ->
                  x[0].tokenLossesAndEntropies(
                      x[1],
                      t.constant(new int[] {3, -1, 0, 6, 3, -100}, Shape.of(2, 3)),
                      temperature),
              normal(2, 3, 4),
              normal(7, 4)));
    }
    rows.add(op("reshape", (t, x) -> x[0].reshape(4, 6), normal(2, 3, 4)));
    for (int axis = 0; axis < 3; axis++) {
      int a = axis;
      rows.add(op("slice of axis " + a, (t, x) -> x[0].slice(a, 1, 3), normal(4, 3, 5)));
      int[] other = {2, 3, 4};
      other[a] = 5;
      rows.add(
          op(
              "concat along axis " + a,
              (t, x) -> x[0].concat(a, x[1], x[2]),
              normal(2, 3, 4),
              normal(Arrays.copyOf(other, 3)),
              normal(2, 3, 4)));
    }
    rows.add(op("slice from the last axis", (t, x) -> x[0].slice(-1, 0, 2), normal(3, 5)));
    rows.add(op("sum", (t, x) -> x[0].sum(), normal(3, 5)));
    rows.add(op("mean", (t, x) -> x[0].mean(), normal(3, 5)));
    return rows;
  }

  private static void addAttention(List<OpCase> rows) {
    RowLayout whole = RowLayout.whole(2, 5);
    RowLayout packed = RowLayout.packed(5, new int[] {2, 3}, new int[] {3, 1});
    for (int[] heads : new int[][] {{1, 1}, {3, 3}, {4, 2}, {3, 1}}) {
      AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], 4);
      rows.add(attention("causal, of " + heads[0] + " on " + heads[1], spec, whole.causal()));
      rows.add(attention("packed, of " + heads[0] + " on " + heads[1], spec, packed.causal()));
    }
    AttentionSpec spec = AttentionSpec.of(4, 2, 4);
    rows.add(attention("full", spec, whole.full()));
    rows.add(attention("prefix", spec, whole.prefix(new int[] {3}, new int[] {1})));
    rows.add(attention("left-padded", spec, RowLayout.leftPadded(5, 5, 3).causal()));
    rows.add(attention("windowed", spec.withWindow(2), whole.causal()));
    rows.add(attention("windowed and packed", spec.withWindow(2), packed.causal()));
    rows.add(attention("of scale 1", spec.withScale(1), whole.causal()));
    int[] crossed = packed.cross(RowLayout.packed(7, new int[] {4, 2}, new int[] {1, 6}));
    for (boolean biased : new boolean[] {false, true}) {
      rows.add(
          op(
              "attention across, three operands, bias " + biased,
              (t, x) ->
                  Tensor.attention(
                      spec,
                      new HeadColumns(x[0], 0),
                      new HeadColumns(x[1], 0),
                      new HeadColumns(x[2], 1),
                      t.constant(crossed, Shape.of(2, 5, 2)),
                      biased ? x[3] : null),
              biased
                  ? new Input[] {
                    normal(2, 5, 16), normal(2, 7, 8), normal(2, 7, 9), normal(4, 5, 7)
                  }
                  : new Input[] {normal(2, 5, 16), normal(2, 7, 8), normal(2, 7, 9)}));
    }
    rows.add(
        op(
            "attention across, keys and values in one operand, bias",
            (t, x) ->
                Tensor.attention(
                    spec.withScale(1),
                    new HeadColumns(x[0], 2),
                    new HeadColumns(x[1], 8),
                    new HeadColumns(x[1], 0),
                    t.constant(crossed, Shape.of(2, 5, 2)),
                    x[2]),
            normal(2, 5, 19),
            normal(2, 7, 16),
            normal(4, 5, 7)));
  }

  private static OpCase attention(String what, AttentionSpec spec, int... ranges) {
    return op(
        "attention " + what,
        (t, x) -> x[0].attention(spec, t.constant(ranges, Shape.of(2, 5, 2))),
        normal(2, 5, spec.packedWidth()));
  }
}

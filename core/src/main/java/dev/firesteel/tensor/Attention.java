package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Heads;

/**
 * Attention, multi-head or grouped-query (Vaswani et al. 2017; Ainslie et al. 2023), of queries to
 * the range of keys that each of them sees: for each head {@code y = softmax(scale q k^T + bias +
 * mask) v}. Queries, keys and values are columns of one to three operands.
 *
 * <p>Shape: {@code rows [B, Tq or Tk, W] (one to three), ranges [B, Tq, 2], bias [H, Tq, Tk]
 * (optional) -> y [B, Tq, H K]}. Saves the output and the log-sum-exp of each score row [B, H, Tq],
 * from which backward recomputes the probabilities (Dao et al. 2022): no T x T array is stored but
 * the bias and its gradient.
 *
 * @param biased whether the last operand is a bias
 */
record Attention(AttentionSpec spec, Source q, Source k, Source v, boolean biased) implements Op {
  /** Where heads lie: which operand, and from which column on. */
  record Source(int operand, int column) {}

  Attention {
    requireApart(q, spec.outputWidth(), k, spec.keyValueWidth());
    requireApart(q, spec.outputWidth(), v, spec.keyValueWidth());
    requireApart(k, spec.keyValueWidth(), v, spec.keyValueWidth());
  }

  private static void requireApart(Source a, int aWidth, Source b, int bWidth) {
    if (a.operand == b.operand && a.column < b.column + bWidth && b.column < a.column + aWidth) {
      throw new IllegalArgumentException(
          "attention: queries, keys and values must be different columns, got "
              + a.column
              + " and "
              + b.column
              + " of the same rows");
    }
  }

  private int rangesOperand() {
    return 1 + Math.max(q.operand, Math.max(k.operand, v.operand));
  }

  @Override
  public boolean accepts(int operand, DType type) {
    return (operand == rangesOperand()) == (type == DType.I32);
  }

  @Override
  public Shape outputShape(Shape... in) {
    requireHeads("queries", in, q, spec.outputWidth());
    requireHeads("keys", in, k, spec.keyValueWidth());
    requireHeads("values", in, v, spec.keyValueWidth());
    Shape queries = in[q.operand];
    Shape keys = in[k.operand];
    Shape values = in[v.operand];
    if (keys.dim(0) != queries.dim(0)
        || values.dim(0) != queries.dim(0)
        || values.dim(1) != keys.dim(1)) {
      throw new ShapeException(
          "attention",
          "queries [B, Tq, ...], keys and values [B, Tk, ...] must share B and Tk",
          queries,
          keys,
          values);
    }
    if (!in[rangesOperand()].equals(Shape.of(queries.dim(0), queries.dim(1), 2))) {
      throw new ShapeException(
          "attention",
          "ranges must be [B, Tq, 2] for queries [B, Tq, ...]",
          in[rangesOperand()],
          queries);
    }
    if (biased && !in[in.length - 1].equals(Shape.of(spec.heads(), queries.dim(1), keys.dim(1)))) {
      throw new ShapeException(
          "attention",
          "the bias must be [H, Tq, Tk] for queries [B, Tq, ...], keys [B, Tk, ...] and " + spec,
          in[in.length - 1],
          queries,
          keys);
    }
    return queries.withLast(spec.outputWidth());
  }

  private void requireHeads(String what, Shape[] in, Source source, int width) {
    Shape rows = in[source.operand];
    if (rows.rank() != 3 || source.column < 0 || source.column + width > rows.last()) {
      throw new ShapeException(
          "attention",
          what
              + " must be the columns ["
              + source.column
              + ", "
              + (source.column + width)
              + ") of [B, T, W] for "
              + spec,
          rows);
    }
  }

  private static Heads heads(Source source, NdArray... arrays) {
    return new Heads(arrays[source.operand], source.column);
  }

  private NdArray bias(NdArray... in) {
    return biased ? in[in.length - 1] : null;
  }

  @Override
  public NdArray forward(Node node, NdArray... in) {
    Heads queries = heads(q, in);
    DType type = queries.rows().dtype();
    NdArray out = node.allocate(type, queries.rows().shape().withLast(spec.outputWidth()));
    NdArray logSumExp = null;
    if (node.recorded()) {
      node.save(out);
      logSumExp =
          node.save(node.allocate(type, Shape.of(queries.batch(), spec.heads(), queries.tokens())));
    }
    node.backend()
        .attention()
        .attention(
            spec,
            queries,
            heads(k, in),
            heads(v, in),
            in[rangesOperand()],
            bias(in),
            out,
            logSumExp);
    return out;
  }

  @Override
  public void backward(Node node, NdArray dy, NdArray... in) {
    GradientTarget[] targets = new GradientTarget[in.length];
    NdArray[] gradients = new NdArray[in.length];
    for (int i = 0; i < rangesOperand(); i++) {
      targets[i] = node.target(i);
      gradients[i] = buffer(node, targets[i], in[i]);
      if (!coversRows(i, in[i].shape().last())) {
        node.backend().fill(gradients[i], 0);
      }
    }
    int last = in.length - 1;
    NdArray dBias = null;
    if (biased && node.wants(last)) {
      targets[last] = node.target(last);
      gradients[last] = buffer(node, targets[last], in[last]);
      dBias = gradients[last];
    }
    node.backend()
        .attention()
        .attentionBackward(
            spec,
            heads(q, in),
            heads(k, in),
            heads(v, in),
            in[rangesOperand()],
            bias(in),
            node.saved(0),
            node.saved(1),
            dy,
            heads(q, gradients),
            heads(k, gradients),
            heads(v, gradients),
            dBias);
    for (int i = 0; i < in.length; i++) {
      if (targets[i] != null && targets[i].write() == Write.ADD) {
        node.backend().elementwise().addScaled(1, gradients[i], targets[i].array());
      }
    }
  }

  /** The gradient's own memory if the kernel may overwrite it, else temporary memory. */
  private static NdArray buffer(Node node, GradientTarget target, NdArray operand) {
    return target.array() != null && target.write() == Write.SET
        ? target.array()
        : node.temporary(operand.dtype(), operand.shape());
  }

  private boolean coversRows(int operand, int width) {
    int covered = q.operand == operand ? spec.outputWidth() : 0;
    covered += k.operand == operand ? spec.keyValueWidth() : 0;
    covered += v.operand == operand ? spec.keyValueWidth() : 0;
    return covered == width;
  }
}

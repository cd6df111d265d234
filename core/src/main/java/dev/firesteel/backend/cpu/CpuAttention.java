package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.RopeSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Attention, each head on one thread; the {@link MatrixEngine} determines the precision. */
final class CpuAttention implements AttentionKernels {
  private final WorkerPool pool;
  private final Tiles tiles;
  private final MatrixEngine engine;
  private final List<RotaryTable> rotaryTables = new ArrayList<>();

  CpuAttention(WorkerPool pool, Tiles tiles, MatrixEngine engine) {
    this.pool = pool;
    this.tiles = tiles;
    this.engine = engine;
  }

  @Override
  public void softmax(NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int width = x.shape().last();
    int fromStart = offset(x);
    int toStart = offset(out);
    tiles.overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          Simd simd = worker.simd();
          int at = toStart + row * width;
          float max = simd.max(from, fromStart + row * width, width);
          float sum = simd.exp(from, fromStart + row * width, max, to, at, width);
          simd.elementwise().scale(1f / sum, to, at, to, at, width);
        });
  }

  @Override
  public void softmaxBackward(NdArray y, NdArray dy, NdArray dx) {
    float[] probabilities = FloatStorage.of(y);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dx);
    int width = y.shape().last();
    int yStart = offset(y);
    int gradientStart = offset(dy);
    int toStart = offset(dx);
    tiles.overRows(
        y.shape().rows(),
        width,
        (row, worker) -> {
          int p = yStart + row * width;
          int g = gradientStart + row * width;
          int at = toStart + row * width;
          float dot = worker.simd().dot(gradient, g, probabilities, p, width);
          for (int i = 0; i < width; i++) {
            to[at + i] = probabilities[p + i] * (gradient[g + i] - dot);
          }
        });
  }

  @Override
  public void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out) {
    int batch = x.shape().dim(0);
    int tokens = x.shape().dim(1);
    int width = x.shape().last();
    int[] given = positions == null ? null : IntStorage.of(positions);
    int givenStart = positions == null ? 0 : offset(positions);
    int last = tokens - 1;
    for (int i = 0; given != null && i < batch * tokens; i++) {
      last = Math.max(last, given[givenStart + i]);
    }
    RotaryTable table = rotaryTable(spec);
    table.extend(spec, last + 1);
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    int rotated = spec.heads() * spec.headWidth();
    boolean inPlace = from == to && fromStart == toStart;
    tiles.overRows(
        batch * tokens,
        width,
        (row, worker) -> {
          int fromRow = fromStart + row * width;
          int toRow = toStart + row * width;
          int position = given == null ? row % tokens : given[givenStart + row];
          table.turn(
              worker.simd().elementwise(), spec, position, inverse, from, fromRow, to, toRow);
          if (!inPlace) {
            System.arraycopy(from, fromRow + rotated, to, toRow + rotated, width - rotated);
          }
        });
  }

  private RotaryTable rotaryTable(RopeSpec spec) {
    for (RotaryTable table : rotaryTables) {
      if (table.fits(spec)) {
        return table;
      }
    }
    RotaryTable table = new RotaryTable(spec);
    rotaryTables.add(table);
    return table;
  }

  @Override
  public void attention(
      AttentionSpec spec,
      Heads q,
      Heads k,
      Heads v,
      NdArray ranges,
      NdArray bias,
      NdArray out,
      NdArray logSumExp) {
    int queries = q.tokens();
    Operands operands = new Operands(spec, q, k, v, ranges, bias);
    HeadRows outputs = new HeadRows(new Heads(out, 0), written(out), spec.headWidth());
    float[] logSums = logSumExp == null ? null : written(logSumExp);
    int logSumStart = logSumExp == null ? 0 : offset(logSumExp);
    HeadAttention attention = engine.attention(spec, queries, k.tokens());
    pool.run(
        q.batch() * spec.heads(),
        (i, worker) -> {
          int sequence = i / spec.heads();
          int head = i % spec.heads();
          attention.forward(
              worker,
              operands.head(sequence, head),
              outputs.of(sequence, head),
              logSums,
              logSumStart + i * queries);
        });
  }

  @Override
  public void attentionBackward(
      AttentionSpec spec,
      Heads q,
      Heads k,
      Heads v,
      NdArray ranges,
      NdArray bias,
      NdArray out,
      NdArray logSumExp,
      NdArray dOut,
      Heads dQ,
      Heads dK,
      Heads dV,
      NdArray dBias) {
    int queries = q.tokens();
    int width = spec.headWidth();
    Operands operands = new Operands(spec, q, k, v, ranges, bias);
    HeadRows dOutputs = new HeadRows(new Heads(dOut, 0), FloatStorage.of(dOut), width);
    HeadRows dQueries = new HeadRows(dQ, written(dQ.rows()), width);
    HeadRows dKeys = new HeadRows(dK, written(dK.rows()), width);
    HeadRows dValues = new HeadRows(dV, written(dV.rows()), width);
    float[] biasGradients = dBias == null ? null : written(dBias);
    float[] logSums = FloatStorage.of(logSumExp);
    int logSumStart = offset(logSumExp);
    int groups = spec.keyValueHeads();
    int shared = spec.heads() / groups;
    HeadAttention attention = engine.attention(spec, queries, k.tokens());
    TaskOfGroup task =
        (sequence, group, worker) ->
            attention.backward(
                worker,
                operands.head(sequence, group * shared),
                logSums,
                logSumStart + (sequence * spec.heads() + group * shared) * queries,
                dOutputs.of(sequence, group * shared),
                dQueries.of(sequence, group * shared),
                dKeys.of(sequence, group),
                dValues.of(sequence, group),
                biasGradients == null
                    ? null
                    : biasRows(biasGradients, dBias, group * shared, queries, k.tokens()));
    if (biasGradients == null) {
      pool.run(q.batch() * groups, (i, worker) -> task.run(i / groups, i % groups, worker));
      return;
    }
    int biasStart = offset(dBias);
    Arrays.fill(biasGradients, biasStart, biasStart + Math.toIntExact(dBias.size()), 0f);
    // Sequences add to the same gradient: one thread takes all of a group, in order.
    pool.run(
        groups,
        (group, worker) -> {
          for (int sequence = 0; sequence < q.batch(); sequence++) {
            task.run(sequence, group, worker);
          }
        });
  }

  /** Backward of one group of heads of a sequence. */
  @FunctionalInterface
  private interface TaskOfGroup {
    void run(int sequence, int group, Worker worker);
  }

  @Override
  public void append(NdArray x, int column, NdArray cache, NdArray positions) {
    int batch = x.shape().dim(0);
    int tokens = x.shape().dim(1);
    int stride = x.shape().last();
    int capacity = cache.shape().dim(1);
    int width = cache.shape().last();
    int[] starts = IntStorage.of(positions);
    int startsAt = offset(positions);
    IdChecks.requireRoom(starts, startsAt, batch, tokens, capacity);
    float[] from = FloatStorage.of(x);
    float[] to = written(cache);
    int fromStart = offset(x) + column;
    int toStart = offset(cache);
    for (int row = 0; row < batch * tokens; row++) {
      int sequence = row / tokens;
      int at = sequence * capacity + starts[startsAt + sequence] + row % tokens;
      System.arraycopy(from, fromStart + row * stride, to, toStart + at * width, width);
    }
  }

  /** Rows [Tq, Tk] of a head in an array [H, Tq, Tk]. */
  private static Attention.Rows biasRows(
      float[] array, NdArray bias, int head, int queries, int keys) {
    return new Attention.Rows(array, offset(bias) + head * queries * keys, keys);
  }

  /** The rows of each head in an array. */
  private static final class HeadRows {
    private final float[] array;
    private final int first;
    private final int sequence;
    private final int stride;
    private final int width;

    HeadRows(Heads heads, float[] array, int width) {
      this.array = array;
      this.width = width;
      first = offset(heads.rows()) + heads.column();
      stride = heads.stride();
      sequence = heads.tokens() * stride;
    }

    Attention.Rows of(int b, int head) {
      return new Attention.Rows(array, first + b * sequence + head * width, stride);
    }
  }

  /** The operands of a call, by head. */
  private static final class Operands {
    private final AttentionSpec spec;
    private final HeadRows q;
    private final HeadRows k;
    private final HeadRows v;
    private final int queries;
    private final int keys;
    private final HeadAttention.Ranges[] ranges;
    private final NdArray bias;

    Operands(AttentionSpec spec, Heads q, Heads k, Heads v, NdArray ranges, NdArray bias) {
      this.spec = spec;
      this.q = new HeadRows(q, FloatStorage.of(q.rows()), spec.headWidth());
      this.k = new HeadRows(k, FloatStorage.of(k.rows()), spec.headWidth());
      this.v = new HeadRows(v, FloatStorage.of(v.rows()), spec.headWidth());
      queries = q.tokens();
      keys = k.tokens();
      this.bias = bias;
      int[] pairs = IntStorage.of(ranges);
      int start = offset(ranges);
      IdChecks.requireRanges(pairs, start, q.batch() * queries, keys);
      this.ranges = new HeadAttention.Ranges[q.batch()];
      for (int b = 0; b < q.batch(); b++) {
        this.ranges[b] = new HeadAttention.Ranges(spec, pairs, start + 2 * b * queries, queries);
      }
    }

    /** A query head, and the key-value head that it reads. */
    HeadAttention.Head head(int sequence, int head) {
      int group = head / (spec.heads() / spec.keyValueHeads());
      return new HeadAttention.Head(
          spec,
          q.of(sequence, head),
          k.of(sequence, group),
          v.of(sequence, group),
          queries,
          keys,
          ranges[sequence],
          bias == null ? null : biasRows(FloatStorage.of(bias), bias, head, queries, keys));
    }
  }
}

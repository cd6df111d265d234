package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
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
    int[] starts = new int[batch];
    if (positions != null) {
      copyTo(starts, positions);
    }
    RotaryTable table = rotaryTable(spec);
    table.extend(spec, Arrays.stream(starts).max().orElse(0) + tokens);
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
          int position = starts[row / tokens] + row % tokens;
          table.turn(
              worker.simd().elementwise(), spec, position, inverse, from, fromRow, to, toRow);
          if (!inPlace) {
            System.arraycopy(from, fromRow + rotated, to, toRow + rotated, width - rotated);
          }
        });
  }

  private static void copyTo(int[] to, NdArray from) {
    System.arraycopy(IntStorage.of(from), offset(from), to, 0, to.length);
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
  public void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp) {
    PackedRows packed = new PackedRows(spec, FloatStorage.of(qkv), offset(qkv), qkv.shape().dim(1));
    float[] to = written(out);
    int toStart = offset(out);
    float[] logSums = logSumExp == null ? null : written(logSumExp);
    int logSumStart = logSumExp == null ? 0 : offset(logSumExp);
    int tokens = qkv.shape().dim(1);
    HeadAttention attention = engine.attention(spec, tokens);
    pool.run(
        qkv.shape().dim(0) * spec.heads(),
        (i, worker) -> {
          int sequence = i / spec.heads();
          int head = i % spec.heads();
          int group = head / (spec.heads() / spec.keyValueHeads());
          attention.forward(
              worker,
              spec,
              tokens,
              packed.queries(sequence, head),
              packed.keys(sequence, group),
              packed.values(sequence, group),
              outputRows(spec, to, toStart, tokens, sequence, head),
              logSums,
              logSumStart + i * tokens);
        });
  }

  @Override
  public void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv) {
    int tokens = qkv.shape().dim(1);
    PackedRows packed = new PackedRows(spec, FloatStorage.of(qkv), offset(qkv), tokens);
    PackedRows gradients = new PackedRows(spec, written(dQkv), offset(dQkv), tokens);
    float[] outputGradients = FloatStorage.of(dOut);
    float[] logSums = FloatStorage.of(logSumExp);
    int outputGradientStart = offset(dOut);
    int logSumStart = offset(logSumExp);
    int groups = spec.keyValueHeads();
    HeadAttention attention = engine.attention(spec, tokens);
    pool.run(
        qkv.shape().dim(0) * groups,
        (i, worker) -> {
          int sequence = i / groups;
          int group = i % groups;
          int head = group * (spec.heads() / groups);
          attention.backward(
              worker,
              spec,
              tokens,
              packed.queries(sequence, head),
              packed.keys(sequence, group),
              packed.values(sequence, group),
              logSums,
              logSumStart + (sequence * spec.heads() + head) * tokens,
              outputRows(spec, outputGradients, outputGradientStart, tokens, sequence, head),
              gradients.queries(sequence, head),
              gradients.keys(sequence, group),
              gradients.values(sequence, group));
        });
  }

  @Override
  public void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out) {
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int capacity = keys.shape().dim(2);
    int width = spec.headWidth();
    int groups = spec.keyValueHeads();
    int[] starts = new int[batch];
    copyTo(starts, positions);
    IdChecks.requireRoom(starts, 0, batch, tokens, capacity);
    PackedRows packed = new PackedRows(spec, FloatStorage.of(qkv), offset(qkv), tokens);
    float[] keyCache = written(keys);
    float[] valueCache = written(values);
    int keyStart = offset(keys);
    int valueStart = offset(values);
    float[] to = written(out);
    int toStart = offset(out);
    pool.run(
        batch * groups,
        (i, worker) -> {
          int sequence = i / groups;
          int group = i % groups;
          int past = starts[sequence];
          int cached = i * capacity * width;
          Attention.Rows k = new Attention.Rows(keyCache, keyStart + cached, width);
          Attention.Rows v = new Attention.Rows(valueCache, valueStart + cached, width);
          Attention.copyRows(packed.keys(sequence, group), k, past, tokens, width);
          Attention.copyRows(packed.values(sequence, group), v, past, tokens, width);
          int shared = spec.heads() / groups;
          for (int head = group * shared; head < (group + 1) * shared; head++) {
            Attention.forward(
                worker,
                spec,
                tokens,
                past,
                packed.queries(sequence, head),
                k,
                v,
                outputRows(spec, to, toStart, tokens, sequence, head),
                null,
                0);
          }
        });
  }

  /** The positions of the heads in a packed array [B, T, (H + 2G) K]. */
  private static final class PackedRows {
    private final AttentionSpec spec;
    private final float[] array;
    private final int offset;
    private final int tokens;

    PackedRows(AttentionSpec spec, float[] array, int offset, int tokens) {
      this.spec = spec;
      this.array = array;
      this.offset = offset;
      this.tokens = tokens;
    }

    Attention.Rows queries(int sequence, int head) {
      return rows(sequence, head);
    }

    Attention.Rows keys(int sequence, int group) {
      return rows(sequence, spec.heads() + group);
    }

    Attention.Rows values(int sequence, int group) {
      return rows(sequence, spec.heads() + spec.keyValueHeads() + group);
    }

    private Attention.Rows rows(int sequence, int slot) {
      int stride = spec.packedWidth();
      int first = offset + sequence * tokens * stride + slot * spec.headWidth();
      return new Attention.Rows(array, first, stride);
    }
  }

  private static Attention.Rows outputRows(
      AttentionSpec spec, float[] array, int offset, int tokens, int sequence, int head) {
    int stride = spec.outputWidth();
    return new Attention.Rows(
        array, offset + sequence * tokens * stride + head * spec.headWidth(), stride);
  }
}

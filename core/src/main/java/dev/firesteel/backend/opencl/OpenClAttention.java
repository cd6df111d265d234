package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.ceilDiv;
import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.RopeScaling;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.error.UserException;
import java.util.HashMap;
import java.util.Map;

/** Attention in blocks of queries, or of keys for their gradients. */
final class OpenClAttention implements AttentionKernels {
  private final Launcher launcher;
  private final Staging staging;
  private final DeviceKernel kernel;
  private final Map<RopeKey, RopeTable> ropeTables = new HashMap<>();

  OpenClAttention(Launcher launcher, Staging staging) {
    this.launcher = launcher;
    this.staging = staging;
    kernel = launcher.kernel();
  }

  /** The parameters that the cosines and sines of a position depend on. */
  private record RopeKey(int headWidth, double theta, RopeScaling scaling) {}

  /**
   * Cosines and sines of positions [0, positions); those of negative positions follow from them.
   */
  private record RopeTable(DeviceFloats block, int positions) {}

  @Override
  public void softmax(NdArray x, NdArray out) {
    launcher.result(0, out);
    launcher.operand(1, x);
    launcher.sizes(0, x.shape().last());
    launcher.launch(DeviceKernel.SOFTMAX, x.shape().rows());
  }

  @Override
  public void softmaxBackward(NdArray y, NdArray dy, NdArray dx) {
    launcher.result(0, dx);
    launcher.operand(1, y);
    launcher.operand(2, dy);
    launcher.sizes(0, y.shape().last());
    launcher.launch(DeviceKernel.SOFTMAX_BACKWARD, y.shape().rows());
  }

  @Override
  public void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out) {
    int tokens = x.shape().dim(1);
    int width = x.shape().last();
    int longest = tokens;
    int at = -1;
    if (positions != null) {
      at = DeviceIntegers.at(positions);
      for (int i = 0; i < size(positions); i++) {
        longest = Math.max(longest, Math.abs(kernel.integers[at + i]) + 1);
      }
    }
    DeviceFloats table = ropeTable(spec, longest);
    int units = spec.heads() * spec.headWidth() / 2 + width - spec.heads() * spec.headWidth();
    int count = x.shape().rows() * units;
    launcher.result(0, out);
    launcher.operand(1, x);
    launcher.operand(2, table);
    launcher.sizes(count, spec.heads(), spec.headWidth(), width, tokens, at);
    kernel.flag = spec.layout() == RopeSpec.Layout.INTERLEAVED ? 1 : 0;
    kernel.factor0 = inverse ? -1 : 1;
    launcher.launchOver(DeviceKernel.ROPE, count);
  }

  private DeviceFloats ropeTable(RopeSpec spec, int positions) {
    RopeKey key = new RopeKey(spec.headWidth(), spec.theta(), spec.scaling());
    RopeTable table = ropeTables.get(key);
    if (table != null && table.positions() >= positions) {
      return table.block();
    }
    if (table != null) {
      ropeTables.remove(key);
      launcher.free(table.block());
    }
    // Twice as many as requested, so that generation does not rebuild the table for each token.
    int longest = Math.max(128, 2 * positions);
    int half = spec.headWidth() / 2;
    float[] values = new float[longest * spec.headWidth()];
    for (int position = 0; position < longest; position++) {
      for (int pair = 0; pair < half; pair++) {
        values[position * 2 * half + pair] = (float) spec.cosine(position, pair);
        values[position * 2 * half + half + pair] = (float) spec.sine(position, pair);
      }
    }
    DeviceFloats block = launcher.floats(values.length);
    staging.upload(values, 0, new NdArray(block, 0, Shape.of(values.length)));
    ropeTables.put(key, new RopeTable(block, longest));
    return block;
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
    requireHeadWidth(spec);
    int queries = q.batch() * q.tokens();
    IdChecks.requireRanges(kernel.integers, DeviceIntegers.at(ranges), queries, k.tokens());
    operands(spec, q, k, v, ranges, bias);
    launcher.result(0, out);
    if (logSumExp != null) {
      launcher.result(4, logSumExp);
    }
    launcher.launch(
        DeviceKernel.ATTENTION,
        q.batch() * spec.heads() * ceilDiv(q.tokens(), DeviceKernel.ATTENTION_ROWS));
  }

  /** Floats of scratch memory of {@link #attentionBackward}. */
  static long scratch(AttentionSpec spec, Heads q, Heads k) {
    long rows = (long) q.batch() * spec.heads() * q.tokens();
    long keyBlocks = (long) q.batch() * ceilDiv(k.tokens(), DeviceKernel.ATTENTION_ROWS);
    return 2 * (rows + keyBlocks);
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
    requireHeadWidth(spec);
    int rows = q.batch() * spec.heads() * q.tokens();
    int queryBlocks = ceilDiv(q.tokens(), DeviceKernel.ATTENTION_ROWS);
    int keyBlocks = ceilDiv(k.tokens(), DeviceKernel.ATTENTION_ROWS);
    DeviceFloats prepared = launcher.floats(scratch(spec, q, k));
    operands(spec, q, k, v, ranges, null);
    kernel.size12 = rows;
    launcher.operand(0, prepared);
    launcher.operand(1, out);
    launcher.operand(2, dOut);
    launcher.operand(3, logSumExp);
    launcher.launchOver(
        DeviceKernel.ATTENTION_BACKWARD_START, Math.max(rows, q.batch() * keyBlocks));

    operands(spec, q, k, v, ranges, bias);
    gradientOperands(dQ, dOut, prepared);
    launcher.launch(
        DeviceKernel.ATTENTION_BACKWARD_QUERIES, q.batch() * spec.heads() * queryBlocks);

    operands(spec, q, k, v, ranges, bias);
    gradientOperands(dK, dOut, prepared);
    launcher.result(7, dV.rows(), dV.column());
    kernel.size11 = dV.stride();
    launcher.launch(
        DeviceKernel.ATTENTION_BACKWARD_KEYS, q.batch() * spec.keyValueHeads() * keyBlocks);

    if (dBias != null) {
      operands(spec, q, k, v, ranges, bias);
      gradientOperands(new Heads(dBias, 0), dOut, prepared);
      launcher.launch(
          DeviceKernel.ATTENTION_BACKWARD_BIAS,
          spec.heads() * queryBlocks * ceilDiv(k.tokens(), DeviceKernel.ATTENTION_COLUMNS));
    }
    launcher.free(prepared);
  }

  /** The operands and sizes that all launches of attention share. */
  private void operands(
      AttentionSpec spec, Heads q, Heads k, Heads v, NdArray ranges, NdArray bias) {
    launcher.operand(1, q.rows(), q.column());
    launcher.operand(2, k.rows(), k.column());
    launcher.operand(3, v.rows(), v.column());
    if (bias != null) {
      launcher.operand(5, bias);
    }
    kernel.factor0 = (float) spec.scale();
    launcher.sizes(
        q.tokens(),
        spec.heads(),
        spec.keyValueHeads(),
        spec.headWidth(),
        k.tokens(),
        q.stride(),
        k.stride(),
        v.stride(),
        DeviceIntegers.at(ranges),
        spec.window());
  }

  /** What the launches of a gradient have in addition. */
  private void gradientOperands(Heads result, NdArray dOut, DeviceFloats prepared) {
    launcher.result(0, result.rows(), result.column());
    launcher.operand(4, dOut);
    launcher.operand(6, prepared);
    kernel.size10 = result.stride();
  }

  @Override
  public void append(NdArray x, int column, NdArray cache, NdArray positions) {
    int tokens = x.shape().dim(1);
    int capacity = cache.shape().dim(1);
    int width = cache.shape().last();
    int at = DeviceIntegers.at(positions);
    IdChecks.requireRoom(kernel.integers, at, x.shape().dim(0), tokens, capacity);
    launcher.result(0, cache);
    launcher.operand(1, x, column);
    launcher.elementwise(
        DeviceKernel.APPEND,
        x.shape().rows() * width,
        width,
        tokens,
        x.shape().last(),
        capacity,
        at);
  }

  private static void requireHeadWidth(AttentionSpec spec) {
    if (spec.headWidth() > DeviceKernel.MAX_HEAD_WIDTH) {
      throw UserException.usage(
          "backend opencl needs heads of a width of at most "
              + DeviceKernel.MAX_HEAD_WIDTH
              + ", got "
              + spec.headWidth()
              + "; use more heads, or the backend cpu");
    }
  }
}

package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.ceilDiv;
import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
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

  /** Cosines and sines of positions [0, positions). */
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
      for (int b = 0; b < size(positions); b++) {
        longest = Math.max(longest, kernel.integers[at + b] + tokens);
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
  public void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp) {
    requireHeadWidth(spec);
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int width = spec.packedWidth();
    launcher.result(0, out);
    launcher.operand(1, qkv);
    launcher.operand(2, qkv, spec.heads() * spec.headWidth());
    launcher.operand(3, qkv, (spec.heads() + spec.keyValueHeads()) * spec.headWidth());
    if (logSumExp != null) {
      launcher.result(4, logSumExp);
    }
    attention(spec, batch, tokens, tokens * width, spec.headWidth(), width, -1);
  }

  private void attention(
      AttentionSpec spec,
      int batch,
      int tokens,
      int sequenceStride,
      int headStride,
      int keyStride,
      int positionsAt) {
    kernel.factor0 = (float) spec.scale();
    launcher.sizes(
        tokens,
        spec.heads(),
        spec.keyValueHeads(),
        spec.headWidth(),
        spec.packedWidth(),
        sequenceStride,
        headStride,
        keyStride,
        positionsAt);
    launcher.launch(
        DeviceKernel.ATTENTION,
        batch * spec.heads() * ceilDiv(tokens, DeviceKernel.ATTENTION_ROWS));
  }

  @Override
  public void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv) {
    requireHeadWidth(spec);
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int rows = batch * spec.heads() * tokens;
    DeviceFloats dots = launcher.floats(rows);
    launcher.operand(0, dots);
    launcher.operand(1, out);
    launcher.operand(2, dOut);
    launcher.sizes(tokens, spec.heads(), spec.headWidth(), rows);
    launcher.launchOver(DeviceKernel.ATTENTION_DOTS, rows);
    int blocks = ceilDiv(tokens, DeviceKernel.ATTENTION_ROWS);
    attentionOperands(spec, qkv, logSumExp, dOut, dQkv, dots, tokens);
    launcher.launch(DeviceKernel.ATTENTION_BACKWARD_QUERIES, batch * spec.heads() * blocks);
    attentionOperands(spec, qkv, logSumExp, dOut, dQkv, dots, tokens);
    launcher.launch(DeviceKernel.ATTENTION_BACKWARD_KEYS, batch * spec.keyValueHeads() * blocks);
    launcher.free(dots);
  }

  private void attentionOperands(
      AttentionSpec spec,
      NdArray qkv,
      NdArray logSumExp,
      NdArray dOut,
      NdArray dQkv,
      DeviceFloats dots,
      int tokens) {
    launcher.result(0, dQkv);
    launcher.operand(1, qkv);
    launcher.operand(2, dOut);
    launcher.operand(3, logSumExp);
    launcher.operand(4, dots);
    kernel.factor0 = (float) spec.scale();
    launcher.sizes(
        tokens, spec.heads(), spec.keyValueHeads(), spec.headWidth(), spec.packedWidth());
  }

  @Override
  public void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out) {
    requireHeadWidth(spec);
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int capacity = keys.shape().dim(2);
    int at = DeviceIntegers.at(positions);
    IdChecks.requireRoom(kernel.integers, at, batch, tokens, capacity);
    cacheTokens(spec, qkv, spec.heads(), keys, tokens, capacity, at);
    cacheTokens(spec, qkv, spec.heads() + spec.keyValueHeads(), values, tokens, capacity, at);
    launcher.result(0, out);
    launcher.operand(1, qkv);
    launcher.operand(2, keys);
    launcher.operand(3, values);
    int headStride = capacity * spec.headWidth();
    attention(
        spec, batch, tokens, spec.keyValueHeads() * headStride, headStride, spec.headWidth(), at);
  }

  private void cacheTokens(
      AttentionSpec spec,
      NdArray qkv,
      int firstHead,
      NdArray cache,
      int tokens,
      int capacity,
      int at) {
    int count = qkv.shape().rows() * spec.keyValueHeads() * spec.headWidth();
    launcher.result(0, cache);
    launcher.operand(1, qkv);
    launcher.sizes(
        count,
        spec.keyValueHeads(),
        tokens,
        spec.headWidth(),
        spec.packedWidth(),
        firstHead * spec.headWidth(),
        capacity,
        at);
    launcher.launchOver(DeviceKernel.CACHE_TOKENS, count);
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

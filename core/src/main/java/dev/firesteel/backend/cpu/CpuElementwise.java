package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.DType;
import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.random.Philox;

/** Tiles of elements or rows, each by one thread with its {@link ElementwiseSimd}. */
final class CpuElementwise implements ElementwiseKernels {
  private final Tiles tiles;
  private final RowReduction rowReduction;

  CpuElementwise(Tiles tiles, RowReduction rowReduction) {
    this.tiles = tiles;
    this.rowReduction = rowReduction;
  }

  @Override
  public void copy(NdArray x, NdArray out) {
    if (out.dtype() == DType.I32) {
      out.storage().markWritten();
      System.arraycopy(IntStorage.of(x), offset(x), IntStorage.of(out), offset(out), size(x));
      return;
    }
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    tiles.overRange(
        size(x),
        (start, length, worker) ->
            System.arraycopy(from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void copyColumns(
      NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStride = x.shape().last();
    int toStride = out.shape().last();
    int fromStart = offset(x) + xStart;
    int toStart = offset(out) + outStart;
    int pieces = Gemm.ceilDiv(columns, Tiles.SIZE);
    tiles.overRows(
        x.shape().rows() * pieces,
        Math.min(columns, Tiles.SIZE),
        (i, worker) -> {
          int row = i / pieces;
          int column = i % pieces * Tiles.SIZE;
          int length = Math.min(Tiles.SIZE, columns - column);
          int fromAt = fromStart + row * fromStride + column;
          int toAt = toStart + row * toStride + column;
          if (write == Write.ADD) {
            worker.simd().elementwise().add(to, toAt, from, fromAt, length);
          } else {
            System.arraycopy(from, fromAt, to, toAt, length);
          }
        });
  }

  @Override
  public void add(NdArray a, NdArray b, NdArray out) {
    float[] left = FloatStorage.of(a);
    float[] right = FloatStorage.of(b);
    float[] to = written(out);
    int leftStart = offset(a);
    int rightStart = offset(b);
    int toStart = offset(out);
    int period = size(b);
    tiles.overRange(
        size(a),
        (start, length, worker) -> {
          for (int i = start; i < start + length; ) {
            int phase = i % period;
            int run = Math.min(start + length - i, period - phase);
            if (period == 1) {
              run = start + length - i;
              float value = right[rightStart];
              worker
                  .simd()
                  .elementwise()
                  .addValue(left, leftStart + i, value, to, toStart + i, run);
            } else {
              worker
                  .simd()
                  .elementwise()
                  .add(left, leftStart + i, right, rightStart + phase, to, toStart + i, run);
            }
            i += run;
          }
        });
  }

  @Override
  public void addScaled(double alpha, NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    tiles.overRange(
        size(x),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .addScaled((float) alpha, from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void multiply(NdArray a, NdArray b, NdArray out) {
    float[] left = FloatStorage.of(a);
    float[] right = FloatStorage.of(b);
    float[] to = written(out);
    int leftStart = offset(a);
    int rightStart = offset(b);
    int toStart = offset(out);
    tiles.overRange(
        size(a),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .multiply(
                    left,
                    leftStart + start,
                    right,
                    rightStart + start,
                    to,
                    toStart + start,
                    length));
  }

  @Override
  public void scale(double alpha, NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    tiles.overRange(
        size(x),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .scale((float) alpha, from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void activation(Activation f, NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    tiles.overRange(
        size(x),
        (start, length, worker) ->
            Activations.forward(worker, f, from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
    float[] from = FloatStorage.of(x);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dx);
    int fromStart = offset(x);
    int gradientStart = offset(dy);
    int toStart = offset(dx);
    if (dBias == null) {
      tiles.overRange(
          size(x),
          (start, length, worker) ->
              Activations.backward(
                  worker,
                  f,
                  from,
                  fromStart + start,
                  gradient,
                  gradientStart + start,
                  to,
                  toStart + start,
                  length));
      return;
    }
    int width = x.shape().last();
    rowReduction.addRows(
        x.shape().rows(),
        width,
        (row, sums, at, worker) -> {
          int start = row * width;
          int result = toStart + start;
          Activations.backward(
              worker,
              f,
              from,
              fromStart + start,
              gradient,
              gradientStart + start,
              to,
              result,
              width);
          worker.simd().elementwise().add(sums, at, to, result, width);
        });
    rowReduction.total(0, dBias, write);
  }

  @Override
  public void swiGlu(NdArray gateUp, NdArray out) {
    float[] from = FloatStorage.of(gateUp);
    float[] to = written(out);
    int width = out.shape().last();
    int fromStart = offset(gateUp);
    int toStart = offset(out);
    tiles.overRows(
        out.shape().rows(),
        width,
        (row, worker) -> {
          int gate = fromStart + 2 * row * width;
          worker
              .simd()
              .activations()
              .swiGlu(from, gate, gate + width, to, toStart + row * width, width);
        });
  }

  @Override
  public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
    float[] from = FloatStorage.of(gateUp);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dGateUp);
    int width = dy.shape().last();
    int fromStart = offset(gateUp);
    int gradientStart = offset(dy);
    int toStart = offset(dGateUp);
    tiles.overRows(
        dy.shape().rows(),
        width,
        (row, worker) -> {
          int gate = fromStart + 2 * row * width;
          int dGate = toStart + 2 * row * width;
          worker
              .simd()
              .activations()
              .swiGluBackward(
                  from,
                  gate,
                  gate + width,
                  gradient,
                  gradientStart + row * width,
                  to,
                  dGate,
                  dGate + width,
                  width);
        });
  }

  @Override
  public void dropout(NdArray x, long key, double probability, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    float keptScale = (float) (1 / (1 - probability));
    tiles.overRange(
        size(x),
        (start, length, worker) -> {
          // Tiles start at multiples of 4: at the first word of a block of the stream.
          int[] words = worker.words();
          for (int i = start; i < start + length; i += 4) {
            Philox.block(key, i >> 2, words, 0);
            int end = Math.min(4, start + length - i);
            for (int j = 0; j < end; j++) {
              boolean kept = Philox.toUniform(words[j]) >= probability;
              to[toStart + i + j] = kept ? from[fromStart + i + j] * keptScale : 0f;
            }
          }
        });
  }
}

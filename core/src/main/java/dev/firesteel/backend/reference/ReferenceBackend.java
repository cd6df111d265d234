package dev.firesteel.backend.reference;

import dev.firesteel.array.DType;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.random.Philox;

/**
 * The oracle that other backends are tested against: each kernel is the plain loop of the formula
 * in {@link Backend}, on one thread, for F32 and F64 alike. Everything between reading an operand
 * and writing a result is double arithmetic, with {@code StrictMath} for the transcendental
 * functions, so that results are the same on every machine and an F32 result is the exact one but
 * for its final rounding.
 */
public final class ReferenceBackend implements Backend {

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String description() {
    return "reference: plain loops on one thread, sums in double";
  }

  @Override
  public String arithmetic() {
    return description();
  }

  @Override
  public boolean supports(DType dtype) {
    return switch (dtype) {
      case F32, F64, I32 -> true;
    };
  }

  @Override
  public Storage allocate(DType dtype, long size) {
    return HeapStorage.allocate(dtype, size);
  }

  /** Nothing to do: the garbage collector frees heap arrays. */
  @Override
  public void free(Storage storage) {}

  /** Nothing to do: no threads, no native memory. */
  @Override
  public void close() {}

  // ---- host and back

  @Override
  public void upload(float[] source, int offset, NdArray to) {
    Elements result = Elements.result(to);
    for (int i = 0; i < size(to); i++) {
      result.set(i, source[offset + i]);
    }
  }

  @Override
  public void upload(double[] source, int offset, NdArray to) {
    Elements result = Elements.result(to);
    for (int i = 0; i < size(to); i++) {
      result.set(i, source[offset + i]);
    }
  }

  @Override
  public void upload(int[] source, int offset, NdArray to) {
    to.storage().markWritten();
    System.arraycopy(source, offset, IntStorage.of(to), HeapStorage.offset(to), size(to));
  }

  @Override
  public void download(NdArray from, float[] target, int offset) {
    Elements x = Elements.of(from);
    for (int i = 0; i < size(from); i++) {
      target[offset + i] = (float) x.get(i);
    }
  }

  @Override
  public void download(NdArray from, double[] target, int offset) {
    Elements x = Elements.of(from);
    for (int i = 0; i < size(from); i++) {
      target[offset + i] = x.get(i);
    }
  }

  @Override
  public void download(NdArray from, int[] target, int offset) {
    System.arraycopy(IntStorage.of(from), HeapStorage.offset(from), target, offset, size(from));
  }

  // ---- copies and elementwise

  @Override
  public void fill(NdArray out, double value) {
    Elements result = Elements.result(out);
    for (int i = 0; i < size(out); i++) {
      result.set(i, value);
    }
  }

  @Override
  public void copy(NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.set(i, from.get(i));
    }
  }

  @Override
  public void copyColumns(
      NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    int fromWidth = x.shape().last();
    int resultWidth = out.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      for (int j = 0; j < columns; j++) {
        result.write(
            row * resultWidth + outStart + j, from.get(row * fromWidth + xStart + j), write);
      }
    }
  }

  @Override
  public void add(NdArray a, NdArray b, NdArray out) {
    Elements left = Elements.of(a);
    Elements right = Elements.of(b);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(a); i++) {
      result.set(i, left.get(i) + right.get(i % size(b)));
    }
  }

  @Override
  public void addScaled(double alpha, NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.write(i, alpha * from.get(i), Write.ADD);
    }
  }

  @Override
  public void multiply(NdArray a, NdArray b, NdArray out) {
    Elements left = Elements.of(a);
    Elements right = Elements.of(b);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(a); i++) {
      result.set(i, left.get(i) * right.get(i));
    }
  }

  @Override
  public void scale(double alpha, NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.set(i, alpha * from.get(i));
    }
  }

  @Override
  public void activation(Activation f, NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      result.set(i, Scalars.apply(f, from.get(i)));
    }
  }

  @Override
  public void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
    Elements from = Elements.of(x);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    for (int i = 0; i < size(x); i++) {
      result.set(i, gradient.get(i) * Scalars.derivative(f, from.get(i)));
    }
    if (dBias != null) {
      sumRows(dx, dBias, write);
    }
  }

  @Override
  public void swiGlu(NdArray gateUp, NdArray out) {
    Elements from = Elements.of(gateUp);
    Elements result = Elements.result(out);
    int width = out.shape().last();
    for (int row = 0; row < out.shape().rows(); row++) {
      for (int j = 0; j < width; j++) {
        double gate = from.get(row * 2 * width + j);
        double up = from.get(row * 2 * width + width + j);
        result.set(row * width + j, Scalars.apply(Activation.SILU, gate) * up);
      }
    }
  }

  @Override
  public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
    Elements from = Elements.of(gateUp);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dGateUp);
    int width = dy.shape().last();
    for (int row = 0; row < dy.shape().rows(); row++) {
      for (int j = 0; j < width; j++) {
        int gateAt = row * 2 * width + j;
        int upAt = gateAt + width;
        double gate = from.get(gateAt);
        double up = from.get(upAt);
        double d = gradient.get(row * width + j);
        result.set(gateAt, d * up * Scalars.derivative(Activation.SILU, gate));
        result.set(upAt, d * Scalars.apply(Activation.SILU, gate));
      }
    }
  }

  @Override
  public void dropout(NdArray x, long key, double probability, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    for (int i = 0; i < size(x); i++) {
      boolean kept = Philox.uniform(key, i) >= probability;
      result.set(i, kept ? from.get(i) / (1 - probability) : 0);
    }
  }

  // ---- reductions

  @Override
  public void sumRows(NdArray x, NdArray out, Write write) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    int width = x.shape().last();
    for (int n = 0; n < width; n++) {
      double sum = 0;
      for (int row = 0; row < x.shape().rows(); row++) {
        sum += from.get(row * width + n);
      }
      result.write(n, sum, write);
    }
  }

  @Override
  public void sum(NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    double sum = 0;
    for (int i = 0; i < size(x); i++) {
      sum += from.get(i);
    }
    Elements.result(out).set(0, sum);
  }

  @Override
  public void sumsOfSquares(NdArray x, double[] sums, int first) {
    Elements from = Elements.of(x);
    int size = size(x);
    for (int start = 0; start < size; start += REDUCTION_BLOCK) {
      double block = 0;
      for (int i = start; i < Math.min(size, start + REDUCTION_BLOCK); i++) {
        block += from.get(i) * from.get(i);
      }
      sums[first + start / REDUCTION_BLOCK] = block;
    }
  }

  // ---- matrix products

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    Elements input = Elements.of(x);
    Elements weight = Elements.of(w);
    Elements offset = Elements.orNull(bias);
    Elements before = Elements.resultOrNull(preActivation);
    Elements result = Elements.result(out);
    int inner = w.shape().dim(1);
    int columns = w.shape().dim(0);
    for (int m = 0; m < x.shape().rows(); m++) {
      for (int n = 0; n < columns; n++) {
        double sum = offset == null ? 0 : offset.get(n);
        for (int k = 0; k < inner; k++) {
          sum += input.get(m * inner + k) * weight.get(n * inner + k);
        }
        if (before != null) {
          before.set(m * columns + n, sum);
        }
        result.set(m * columns + n, Scalars.apply(f, sum));
      }
    }
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    Elements gradient = Elements.of(dy);
    Elements weight = Elements.of(w);
    Elements result = Elements.result(dx);
    int columns = w.shape().dim(0);
    int inner = w.shape().dim(1);
    for (int m = 0; m < dy.shape().rows(); m++) {
      for (int k = 0; k < inner; k++) {
        double sum = 0;
        for (int n = 0; n < columns; n++) {
          sum += gradient.get(m * columns + n) * weight.get(n * inner + k);
        }
        result.write(m * inner + k, sum, write);
      }
    }
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    Elements gradient = Elements.of(dy);
    Elements input = Elements.of(x);
    Elements result = Elements.result(dw);
    int columns = dw.shape().dim(0);
    int inner = dw.shape().dim(1);
    for (int n = 0; n < columns; n++) {
      for (int k = 0; k < inner; k++) {
        double sum = 0;
        for (int m = 0; m < dy.shape().rows(); m++) {
          sum += gradient.get(m * columns + n) * input.get(m * inner + k);
        }
        result.write(n * inner + k, sum, write);
      }
    }
  }

  @Override
  public void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
    Elements left = Elements.of(a);
    Elements right = Elements.of(b);
    Elements result = Elements.result(out);
    int rows = out.shape().dim(-2);
    int columns = out.shape().dim(-1);
    int inner = a.shape().dim(transposeA ? -2 : -1);
    int batch = rows * columns == 0 ? 0 : size(out) / (rows * columns);
    for (int i = 0; i < batch; i++) {
      for (int m = 0; m < rows; m++) {
        for (int n = 0; n < columns; n++) {
          double sum = 0;
          for (int k = 0; k < inner; k++) {
            int leftAt = transposeA ? k * rows + m : m * inner + k;
            int rightAt = transposeB ? n * inner + k : k * columns + n;
            sum += left.get(i * rows * inner + leftAt) * right.get(i * inner * columns + rightAt);
          }
          result.write((i * rows + m) * columns + n, sum, write);
        }
      }
    }
  }

  // ---- embedding

  @Override
  public void embedding(NdArray ids, NdArray table, NdArray out) {
    Elements from = Elements.of(table);
    Elements result = Elements.result(out);
    int rows = table.shape().dim(0);
    int width = table.shape().dim(1);
    IdChecks.requireRows(IntStorage.of(ids), HeapStorage.offset(ids), size(ids), rows);
    for (int i = 0; i < size(ids); i++) {
      int id = intAt(ids, i);
      for (int j = 0; j < width; j++) {
        result.set(i * width + j, from.get(id * width + j));
      }
    }
  }

  @Override
  public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dTable);
    int width = dTable.shape().dim(1);
    for (int i = 0; i < size(ids); i++) {
      for (int j = 0; j < width; j++) {
        result.write(intAt(ids, i) * width + j, gradient.get(i * width + j), Write.ADD);
      }
    }
  }

  // ---- norms

  @Override
  public void layerNorm(
      NdArray x,
      NdArray gain,
      NdArray bias,
      double epsilon,
      NdArray out,
      NdArray mean,
      NdArray rstd) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements offset = Elements.orNull(bias);
    Elements result = Elements.result(out);
    Elements means = Elements.result(mean);
    Elements rstds = Elements.result(rstd);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double sum = 0;
      for (int j = 0; j < width; j++) {
        sum += from.get(row * width + j);
      }
      double rowMean = sum / width;
      double squares = 0;
      for (int j = 0; j < width; j++) {
        double centred = from.get(row * width + j) - rowMean;
        squares += centred * centred;
      }
      double rowRstd = 1 / StrictMath.sqrt(squares / width + epsilon);
      means.set(row, rowMean);
      rstds.set(row, rowRstd);
      for (int j = 0; j < width; j++) {
        double normal = (from.get(row * width + j) - rowMean) * rowRstd;
        result.set(row * width + j, normal * factor.get(j) + (offset == null ? 0 : offset.get(j)));
      }
    }
  }

  @Override
  public void layerNormBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite,
      NdArray dBias,
      Write dBiasWrite) {
    if (dx != null) {
      layerNormBackwardInput(x, gain, mean, rstd, dy, dx, dxWrite);
    }
    if (dGain != null) {
      layerNormBackwardGain(x, mean, rstd, dy, dGain, dGainWrite);
    }
    if (dBias != null) {
      sumRows(dy, dBias, dBiasWrite);
    }
  }

  private static void layerNormBackwardInput(
      NdArray x, NdArray gain, NdArray mean, NdArray rstd, NdArray dy, NdArray dx, Write write) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements means = Elements.of(mean);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double sum = 0;
      double dot = 0;
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        double g = gradient.get(at) * factor.get(j);
        double normal = (from.get(at) - means.get(row)) * rstds.get(row);
        sum += g;
        dot += g * normal;
      }
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        double g = gradient.get(at) * factor.get(j);
        double normal = (from.get(at) - means.get(row)) * rstds.get(row);
        result.write(at, rstds.get(row) * (g - sum / width - normal * dot / width), write);
      }
    }
  }

  private static void layerNormBackwardGain(
      NdArray x, NdArray mean, NdArray rstd, NdArray dy, NdArray dGain, Write write) {
    Elements from = Elements.of(x);
    Elements means = Elements.of(mean);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dGain);
    int width = x.shape().last();
    for (int j = 0; j < width; j++) {
      double sum = 0;
      for (int row = 0; row < x.shape().rows(); row++) {
        int at = row * width + j;
        sum += gradient.get(at) * (from.get(at) - means.get(row)) * rstds.get(row);
      }
      result.write(j, sum, write);
    }
  }

  @Override
  public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements result = Elements.result(out);
    Elements rstds = Elements.result(rstd);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double squares = 0;
      for (int j = 0; j < width; j++) {
        squares += from.get(row * width + j) * from.get(row * width + j);
      }
      double rowRstd = 1 / StrictMath.sqrt(squares / width + epsilon);
      rstds.set(row, rowRstd);
      for (int j = 0; j < width; j++) {
        result.set(row * width + j, from.get(row * width + j) * rowRstd * factor.get(j));
      }
    }
  }

  @Override
  public void rmsNormBackward(
      NdArray x,
      NdArray gain,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    if (dx != null) {
      rmsNormBackwardInput(x, gain, rstd, dy, dx, dxWrite);
    }
    if (dGain != null) {
      rmsNormBackwardGain(x, rstd, dy, dGain, dGainWrite);
    }
  }

  private static void rmsNormBackwardInput(
      NdArray x, NdArray gain, NdArray rstd, NdArray dy, NdArray dx, Write write) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double r = rstds.get(row);
      double dot = 0;
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        dot += gradient.get(at) * factor.get(j) * from.get(at);
      }
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        double g = gradient.get(at) * factor.get(j);
        result.write(at, r * (g - from.get(at) * r * r * dot / width), write);
      }
    }
  }

  private static void rmsNormBackwardGain(
      NdArray x, NdArray rstd, NdArray dy, NdArray dGain, Write write) {
    Elements from = Elements.of(x);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dGain);
    int width = x.shape().last();
    for (int j = 0; j < width; j++) {
      double sum = 0;
      for (int row = 0; row < x.shape().rows(); row++) {
        int at = row * width + j;
        sum += gradient.get(at) * from.get(at) * rstds.get(row);
      }
      result.write(j, sum, write);
    }
  }

  // ---- attention

  @Override
  public void softmax(NdArray x, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    int width = x.shape().last();
    double[] row = new double[width];
    for (int r = 0; r < x.shape().rows(); r++) {
      for (int j = 0; j < width; j++) {
        row[j] = from.get(r * width + j);
      }
      double logSumExp = logSumExp(row, width);
      for (int j = 0; j < width; j++) {
        result.set(r * width + j, StrictMath.exp(row[j] - logSumExp));
      }
    }
  }

  @Override
  public void softmaxBackward(NdArray y, NdArray dy, NdArray dx) {
    Elements probabilities = Elements.of(y);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    int width = y.shape().last();
    for (int row = 0; row < y.shape().rows(); row++) {
      double dot = 0;
      for (int j = 0; j < width; j++) {
        dot += gradient.get(row * width + j) * probabilities.get(row * width + j);
      }
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        result.set(at, probabilities.get(at) * (gradient.get(at) - dot));
      }
    }
  }

  @Override
  public void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out) {
    Elements from = Elements.of(x);
    Elements result = Elements.result(out);
    int tokens = x.shape().dim(1);
    int width = x.shape().last();
    int half = spec.headWidth() / 2;
    for (int b = 0; b < x.shape().dim(0); b++) {
      int start = positions == null ? 0 : intAt(positions, b);
      for (int t = 0; t < tokens; t++) {
        int row = (b * tokens + t) * width;
        for (int h = 0; h < spec.heads(); h++) {
          int head = row + h * spec.headWidth();
          for (int pair = 0; pair < half; pair++) {
            int first =
                switch (spec.layout()) {
                  case HALF -> head + pair;
                  case INTERLEAVED -> head + 2 * pair;
                };
            int second =
                switch (spec.layout()) {
                  case HALF -> first + half;
                  case INTERLEAVED -> first + 1;
                };
            double angle = spec.angle(start + t, pair);
            double cos = StrictMath.cos(angle);
            double sin = inverse ? -StrictMath.sin(angle) : StrictMath.sin(angle);
            double x1 = from.get(first);
            double x2 = from.get(second);
            result.set(first, x1 * cos - x2 * sin);
            result.set(second, x1 * sin + x2 * cos);
          }
        }
        for (int j = spec.heads() * spec.headWidth(); j < width; j++) {
          result.set(row + j, from.get(row + j));
        }
      }
    }
  }

  @Override
  public void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp) {
    Elements from = Elements.of(qkv);
    Elements result = Elements.result(out);
    Elements kept = Elements.resultOrNull(logSumExp);
    int tokens = qkv.shape().dim(1);
    double[] scores = new double[tokens];
    double[] probabilities = new double[tokens];
    for (int b = 0; b < qkv.shape().dim(0); b++) {
      for (int h = 0; h < spec.heads(); h++) {
        for (int t = 0; t < tokens; t++) {
          for (int s = 0; s <= t; s++) {
            scores[s] = score(spec, from, b * tokens, h, t, s);
          }
          double rowLogSumExp = logSumExp(scores, t + 1);
          if (kept != null) {
            kept.set((b * spec.heads() + h) * tokens + t, rowLogSumExp);
          }
          for (int s = 0; s <= t; s++) {
            probabilities[s] = StrictMath.exp(scores[s] - rowLogSumExp);
          }
          for (int j = 0; j < spec.headWidth(); j++) {
            double sum = 0;
            for (int s = 0; s <= t; s++) {
              sum += probabilities[s] * from.get(valueAt(spec, b * tokens + s, h) + j);
            }
            result.set(outputAt(spec, b * tokens + t, h) + j, sum);
          }
        }
      }
    }
  }

  /**
   * With p the probabilities, o = p v: {@code dv = p^T do}, {@code dp = do v^T}, {@code ds = p *
   * (dp - sum(do * o))}, {@code dq = scale ds k}, {@code dk = scale ds^T q}.
   */
  @Override
  public void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv) {
    Elements from = Elements.of(qkv);
    Elements output = Elements.of(out);
    Elements logSums = Elements.of(logSumExp);
    Elements gradient = Elements.of(dOut);
    int tokens = qkv.shape().dim(1);
    // Query heads of one group add to the same key: sums stay in double until all are in.
    double[] sums = new double[size(dQkv)];
    for (int b = 0; b < qkv.shape().dim(0); b++) {
      for (int h = 0; h < spec.heads(); h++) {
        for (int t = 0; t < tokens; t++) {
          int outRow = outputAt(spec, b * tokens + t, h);
          double dot = 0;
          for (int j = 0; j < spec.headWidth(); j++) {
            dot += gradient.get(outRow + j) * output.get(outRow + j);
          }
          double rowLogSumExp = logSums.get((b * spec.heads() + h) * tokens + t);
          int query = queryAt(spec, b * tokens + t, h);
          for (int s = 0; s <= t; s++) {
            int key = keyAt(spec, b * tokens + s, h);
            int value = valueAt(spec, b * tokens + s, h);
            double score = score(spec, from, b * tokens, h, t, s);
            double probability = StrictMath.exp(score - rowLogSumExp);
            double dProbability = 0;
            for (int j = 0; j < spec.headWidth(); j++) {
              dProbability += gradient.get(outRow + j) * from.get(value + j);
            }
            double dScore = probability * (dProbability - dot) * spec.scale();
            for (int j = 0; j < spec.headWidth(); j++) {
              sums[query + j] += dScore * from.get(key + j);
              sums[key + j] += dScore * from.get(query + j);
              sums[value + j] += probability * gradient.get(outRow + j);
            }
          }
        }
      }
    }
    upload(sums, 0, dQkv);
  }

  @Override
  public void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out) {
    Elements from = Elements.of(qkv);
    Elements keyCache = Elements.result(keys);
    Elements valueCache = Elements.result(values);
    Elements result = Elements.result(out);
    int tokens = qkv.shape().dim(1);
    int groups = spec.keyValueHeads();
    int capacity = keys.shape().dim(2);
    int width = spec.headWidth();
    double[] scores = new double[capacity];
    double[] probabilities = new double[capacity];
    int batch = qkv.shape().dim(0);
    IdChecks.requireRoom(
        IntStorage.of(positions), HeapStorage.offset(positions), batch, tokens, capacity);
    for (int b = 0; b < batch; b++) {
      int start = intAt(positions, b);
      for (int g = 0; g < groups; g++) {
        int firstHead = g * (spec.heads() / groups);
        for (int t = 0; t < tokens; t++) {
          int row = b * tokens + t;
          int cacheRow = ((b * groups + g) * capacity + start + t) * width;
          for (int j = 0; j < width; j++) {
            keyCache.set(cacheRow + j, from.get(keyAt(spec, row, firstHead) + j));
            valueCache.set(cacheRow + j, from.get(valueAt(spec, row, firstHead) + j));
          }
        }
      }
      for (int h = 0; h < spec.heads(); h++) {
        int cache = (b * groups + group(spec, h)) * capacity * width;
        for (int t = 0; t < tokens; t++) {
          int query = queryAt(spec, b * tokens + t, h);
          int length = start + t + 1;
          for (int s = 0; s < length; s++) {
            double dot = 0;
            for (int j = 0; j < width; j++) {
              dot += from.get(query + j) * keyCache.get(cache + s * width + j);
            }
            scores[s] = spec.scale() * dot;
          }
          double logSumExp = logSumExp(scores, length);
          for (int s = 0; s < length; s++) {
            probabilities[s] = StrictMath.exp(scores[s] - logSumExp);
          }
          for (int j = 0; j < width; j++) {
            double sum = 0;
            for (int s = 0; s < length; s++) {
              sum += probabilities[s] * valueCache.get(cache + s * width + j);
            }
            result.set(outputAt(spec, b * tokens + t, h) + j, sum);
          }
        }
      }
    }
  }

  /** The scaled score of query t with key s, of head h, in the sequence that starts at a row. */
  private static double score(AttentionSpec spec, Elements qkv, int start, int h, int t, int s) {
    int query = queryAt(spec, start + t, h);
    int key = keyAt(spec, start + s, h);
    double dot = 0;
    for (int j = 0; j < spec.headWidth(); j++) {
      dot += qkv.get(query + j) * qkv.get(key + j);
    }
    return spec.scale() * dot;
  }

  private static int group(AttentionSpec spec, int head) {
    return head / (spec.heads() / spec.keyValueHeads());
  }

  private static int queryAt(AttentionSpec spec, int row, int head) {
    return row * spec.packedWidth() + head * spec.headWidth();
  }

  private static int keyAt(AttentionSpec spec, int row, int head) {
    return queryAt(spec, row, spec.heads() + group(spec, head));
  }

  private static int valueAt(AttentionSpec spec, int row, int head) {
    return queryAt(spec, row, spec.heads() + spec.keyValueHeads() + group(spec, head));
  }

  private static int outputAt(AttentionSpec spec, int row, int head) {
    return row * spec.outputWidth() + head * spec.headWidth();
  }

  // ---- loss

  @Override
  public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
    Elements from = Elements.of(logits);
    Elements result = Elements.result(losses);
    Elements kept = Elements.result(logSumExp);
    int width = logits.shape().last();
    requireTargets(targets, width);
    double[] row = new double[width];
    for (int m = 0; m < logits.shape().rows(); m++) {
      for (int v = 0; v < width; v++) {
        row[v] = from.get(m * width + v);
      }
      int target = intAt(targets, m);
      double rowLogSumExp = logSumExp(row, width);
      kept.set(m, rowLogSumExp);
      result.set(m, target < 0 ? 0 : rowLogSumExp - row[target]);
    }
  }

  @Override
  public void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
    Elements from = Elements.of(logits);
    Elements logSums = Elements.of(logSumExp);
    Elements gradient = Elements.of(dLosses);
    Elements result = Elements.result(dLogits);
    int width = logits.shape().last();
    requireTargets(targets, width);
    for (int m = 0; m < logits.shape().rows(); m++) {
      int target = intAt(targets, m);
      for (int v = 0; v < width; v++) {
        int at = m * width + v;
        double probability = StrictMath.exp(from.get(at) - logSums.get(m));
        result.set(at, target < 0 ? 0 : gradient.get(m) * (probability - (v == target ? 1 : 0)));
      }
    }
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    Elements input = Elements.of(x);
    Elements weight = Elements.of(w);
    Elements result = Elements.result(losses);
    int vocabulary = w.shape().dim(0);
    requireTargets(targets, vocabulary);
    int width = w.shape().dim(1);
    double[] dInput = new double[size(x)];
    double[] dWeight = new double[size(w)];
    double[] logits = new double[vocabulary];
    for (int m = 0; m < x.shape().rows(); m++) {
      int target = intAt(targets, m);
      if (target < 0) {
        result.set(m, 0);
        continue;
      }
      for (int v = 0; v < vocabulary; v++) {
        logits[v] = 0;
        for (int c = 0; c < width; c++) {
          logits[v] += input.get(m * width + c) * weight.get(v * width + c);
        }
      }
      double logSumExp = logSumExp(logits, vocabulary);
      result.set(m, logSumExp - logits[target]);
      for (int v = 0; v < vocabulary; v++) {
        double probability = StrictMath.exp(logits[v] - logSumExp);
        double dLogit = scale * (probability - (v == target ? 1 : 0));
        for (int c = 0; c < width; c++) {
          dInput[m * width + c] += dLogit * weight.get(v * width + c);
          dWeight[v * width + c] += dLogit * input.get(m * width + c);
        }
      }
    }
    if (dx != null) {
      upload(dInput, 0, dx);
    }
    if (dw != null) {
      upload(dWeight, 0, dw);
    }
  }

  // ---- optimizer

  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    Elements gradient = Elements.of(gradients);
    Elements first = Elements.result(firstMoments);
    Elements second = Elements.result(secondMoments);
    Elements weight = Elements.result(weights);
    double correction1 = 1 - StrictMath.pow(step.beta1(), (double) step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), (double) step.step());
    for (int i = 0; i < size(weights); i++) {
      double g = step.gradientScale() * gradient.get(i);
      double m = step.beta1() * first.get(i) + (1 - step.beta1()) * g;
      double v = step.beta2() * second.get(i) + (1 - step.beta2()) * g * g;
      double direction = m / correction1 / (StrictMath.sqrt(v / correction2) + step.epsilon());
      double w = weight.get(i);
      first.set(i, m);
      second.set(i, v);
      weight.set(i, w - step.learningRate() * (direction + step.weightDecay() * w));
    }
  }

  // ---- shared

  private static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }

  private static int intAt(NdArray array, int i) {
    return IntStorage.of(array)[HeapStorage.offset(array) + i];
  }

  private static void requireTargets(NdArray targets, int vocabulary) {
    IdChecks.requireTargets(
        IntStorage.of(targets), HeapStorage.offset(targets), size(targets), vocabulary);
  }

  /** {@code log sum_i exp(x[i])} of the first {@code length} values, around their maximum. */
  private static double logSumExp(double[] x, int length) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < length; i++) {
      max = Math.max(max, x[i]);
    }
    double sum = 0;
    for (int i = 0; i < length; i++) {
      sum += StrictMath.exp(x[i] - max);
    }
    return max + StrictMath.log(sum);
  }
}

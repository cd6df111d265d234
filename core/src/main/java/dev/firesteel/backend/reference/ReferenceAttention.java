package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.intAt;
import static dev.firesteel.backend.reference.Elements.size;
import static dev.firesteel.backend.reference.Scalars.logSumExp;

import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.RopeSpec;

/** The formulas of {@link AttentionKernels} as plain loops. */
final class ReferenceAttention implements AttentionKernels {
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
            double cos = spec.cosine(start + t, pair);
            double sin = inverse ? -spec.sine(start + t, pair) : spec.sine(start + t, pair);
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
    // Query heads of one group add to the same key: sums stay in double until all are added.
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
    Elements.setAll(dQkv, sums);
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
}

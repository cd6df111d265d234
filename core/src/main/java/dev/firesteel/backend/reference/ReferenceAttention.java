package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.intAt;
import static dev.firesteel.backend.reference.Elements.size;
import static dev.firesteel.backend.reference.Scalars.logSumExp;

import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Heads;
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
      for (int t = 0; t < tokens; t++) {
        int position = positions == null ? t : intAt(positions, b * tokens + t);
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
            double cos = spec.cosine(position, pair);
            double sin = inverse ? -spec.sine(position, pair) : spec.sine(position, pair);
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
  public void attention(
      AttentionSpec spec,
      Heads q,
      Heads k,
      Heads v,
      NdArray ranges,
      NdArray bias,
      NdArray out,
      NdArray logSumExp) {
    Elements values = Elements.of(v.rows());
    Elements result = Elements.result(out);
    Elements kept = Elements.resultOrNull(logSumExp);
    Scores scores = new Scores(spec, q, k, ranges, bias);
    double[] probabilities = new double[k.tokens()];
    for (int b = 0; b < q.batch(); b++) {
      for (int h = 0; h < spec.heads(); h++) {
        for (int t = 0; t < q.tokens(); t++) {
          int first = scores.first(b, t);
          int visible = scores.end(b, t) - first;
          for (int s = 0; s < visible; s++) {
            probabilities[s] = scores.of(b, h, t, first + s);
          }
          double rowLogSumExp = logSumExp(probabilities, visible);
          if (kept != null) {
            kept.set((b * spec.heads() + h) * q.tokens() + t, rowLogSumExp);
          }
          for (int s = 0; s < visible; s++) {
            probabilities[s] = StrictMath.exp(probabilities[s] - rowLogSumExp);
          }
          int outRow = outputAt(spec, q, b, h, t);
          for (int j = 0; j < spec.headWidth(); j++) {
            double sum = 0;
            for (int s = 0; s < visible; s++) {
              int value = at(spec, v, b, group(spec, h), first + s);
              sum += probabilities[s] * values.get(value + j);
            }
            result.set(outRow + j, sum);
          }
        }
      }
    }
  }

  /**
   * With p the probabilities, o = p v: {@code dv = p^T do}, {@code dp = do v^T}, {@code ds = p *
   * (dp - sum(do * o))}, {@code dq = scale ds k}, {@code dk = scale ds^T q}, {@code dbias = ds}.
   */
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
    Elements queries = Elements.of(q.rows());
    Elements keys = Elements.of(k.rows());
    Elements values = Elements.of(v.rows());
    Elements output = Elements.of(out);
    Elements logSums = Elements.of(logSumExp);
    Elements gradient = Elements.of(dOut);
    Scores scores = new Scores(spec, q, k, ranges, bias);
    // Query heads of one group add to the same key: sums stay in double until all are added.
    double[] querySums = new double[size(q.rows())];
    double[] keySums = new double[size(k.rows())];
    double[] valueSums = new double[size(v.rows())];
    double[] biasSums = new double[dBias == null ? 0 : size(dBias)];
    for (int b = 0; b < q.batch(); b++) {
      for (int h = 0; h < spec.heads(); h++) {
        for (int t = 0; t < q.tokens(); t++) {
          int outRow = outputAt(spec, q, b, h, t);
          double dot = 0;
          for (int j = 0; j < spec.headWidth(); j++) {
            dot += gradient.get(outRow + j) * output.get(outRow + j);
          }
          double rowLogSumExp = logSums.get((b * spec.heads() + h) * q.tokens() + t);
          int query = at(spec, q, b, h, t);
          for (int s = scores.first(b, t); s < scores.end(b, t); s++) {
            int key = at(spec, k, b, group(spec, h), s);
            int value = at(spec, v, b, group(spec, h), s);
            double probability = StrictMath.exp(scores.of(b, h, t, s) - rowLogSumExp);
            double dProbability = 0;
            for (int j = 0; j < spec.headWidth(); j++) {
              dProbability += gradient.get(outRow + j) * values.get(value + j);
            }
            double dScore = probability * (dProbability - dot);
            if (dBias != null) {
              biasSums[(h * q.tokens() + t) * k.tokens() + s] += dScore;
            }
            for (int j = 0; j < spec.headWidth(); j++) {
              querySums[query + j] += spec.scale() * dScore * keys.get(key + j);
              keySums[key + j] += spec.scale() * dScore * queries.get(query + j);
              valueSums[value + j] += probability * gradient.get(outRow + j);
            }
          }
        }
      }
    }
    setHeads(spec, q, spec.heads(), querySums, dQ);
    setHeads(spec, k, spec.keyValueHeads(), keySums, dK);
    setHeads(spec, v, spec.keyValueHeads(), valueSums, dV);
    if (dBias != null) {
      Elements.setAll(dBias, biasSums);
    }
  }

  /** Writes sums, laid out as some heads are, to the heads of a result. */
  private static void setHeads(AttentionSpec spec, Heads like, int heads, double[] sums, Heads to) {
    Elements result = Elements.result(to.rows());
    for (int b = 0; b < to.batch(); b++) {
      for (int t = 0; t < to.tokens(); t++) {
        for (int j = 0; j < heads * spec.headWidth(); j++) {
          result.set(at(spec, to, b, 0, t) + j, sums[at(spec, like, b, 0, t) + j]);
        }
      }
    }
  }

  @Override
  public void append(NdArray x, int column, NdArray cache, NdArray positions) {
    Elements from = Elements.of(x);
    Elements to = Elements.result(cache);
    int batch = x.shape().dim(0);
    int tokens = x.shape().dim(1);
    int capacity = cache.shape().dim(1);
    int width = cache.shape().last();
    IdChecks.requireRoom(
        IntStorage.of(positions), HeapStorage.offset(positions), batch, tokens, capacity);
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < tokens; t++) {
        int row = (b * tokens + t) * x.shape().last() + column;
        int cacheRow = (b * capacity + intAt(positions, b) + t) * width;
        for (int j = 0; j < width; j++) {
          to.set(cacheRow + j, from.get(row + j));
        }
      }
    }
  }

  /** Which keys queries see, and the scores of these. */
  private static final class Scores {
    private final AttentionSpec spec;
    private final Heads q;
    private final Heads k;
    private final NdArray ranges;
    private final Elements queries;
    private final Elements keys;
    private final Elements bias;

    Scores(AttentionSpec spec, Heads q, Heads k, NdArray ranges, NdArray bias) {
      this.spec = spec;
      this.q = q;
      this.k = k;
      this.ranges = ranges;
      queries = Elements.of(q.rows());
      keys = Elements.of(k.rows());
      this.bias = Elements.orNull(bias);
      IdChecks.requireRanges(
          IntStorage.of(ranges), HeapStorage.offset(ranges), q.batch() * q.tokens(), k.tokens());
    }

    int first(int b, int t) {
      return spec.firstKey(intAt(ranges, 2 * (b * q.tokens() + t)), end(b, t));
    }

    int end(int b, int t) {
      return intAt(ranges, 2 * (b * q.tokens() + t) + 1);
    }

    double of(int b, int h, int t, int s) {
      int query = at(spec, q, b, h, t);
      int key = at(spec, k, b, group(spec, h), s);
      double dot = 0;
      for (int j = 0; j < spec.headWidth(); j++) {
        dot += queries.get(query + j) * keys.get(key + j);
      }
      double added = bias == null ? 0 : bias.get((h * q.tokens() + t) * k.tokens() + s);
      return spec.scale() * dot + added;
    }
  }

  private static int group(AttentionSpec spec, int head) {
    return head / (spec.heads() / spec.keyValueHeads());
  }

  /** The first element of a head of one token. */
  private static int at(AttentionSpec spec, Heads heads, int b, int head, int t) {
    return (b * heads.tokens() + t) * heads.stride() + heads.column() + head * spec.headWidth();
  }

  private static int outputAt(AttentionSpec spec, Heads q, int b, int head, int t) {
    return ((b * q.tokens() + t) * spec.heads() + head) * spec.headWidth();
  }
}

package dev.firesteel.backend;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.StorageAllocator;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * The kernels that a model is computed with. A caller names arrays, never Java arrays, so that a
 * backend may keep them on the heap or in a device's arena for a whole training step; only {@link
 * #upload} and {@link #download} cross over.
 *
 * <p>Conventions. Results go to arrays that the caller allocated, named last; they must not overlap
 * an input unless the method says so. {@code null} stands for an operand that its parameter
 * documents as optional. An array {@code [..., n]} is read as rows of n. {@link Write#ADD} adds to
 * what a result holds, {@link Write#SET} overwrites it, whatever it holds. Shapes and element types
 * are checked by the ops of package {@code tensor}, once; kernels trust them.
 *
 * <p>Every kernel is deterministic: its bits depend on its operands alone, neither on the number of
 * threads nor on timing. Reductions are cut by fixed sizes and added in index order.
 *
 * <p>Instances serve one caller thread at a time.
 */
public interface Backend extends StorageAllocator, AutoCloseable {

  /** Whether a kernel overwrites its result or adds to it. */
  enum Write {
    SET,
    ADD
  }

  /** Short name as in the configuration: {@code cpu}, {@code reference}. */
  String name();

  /** One line for the log: threads, vector width, precision. */
  String description();

  /** What decides the bits of results: backends that say the same here compute the same. */
  String arithmetic();

  /** Java threads that compute for this backend beside the caller's; none by default. */
  default List<Thread> threadsBesideCaller() {
    return List.of();
  }

  /** Whether arrays of this element type can be computed with. */
  boolean supports(DType dtype);

  /**
   * Has the kernels compiled by running them alone, and checks that they are compiled well. To be
   * called before the first step of a long run and then between steps until there is nothing left
   * to do; without it everything works, only that a kernel which the JIT compiled badly stays slow.
   *
   * @param limit the time it may take, about
   * @param notice hears, as sentences for the user, of what cannot be put right
   * @return whether there is nothing left to do
   */
  default boolean warmUp(Duration limit, Consumer<String> notice) {
    return true;
  }

  @Override
  void close();

  // ---- host and back

  /** Copies {@code source[offset, offset + size)} to an F32 (or, widened, F64) array. */
  void upload(float[] source, int offset, NdArray to);

  /** Copies {@code source[offset, offset + size)} to an F64 (or, rounded, F32) array. */
  void upload(double[] source, int offset, NdArray to);

  /** Copies {@code source[offset, offset + size)} to an I32 array. */
  void upload(int[] source, int offset, NdArray to);

  /** Copies an F32 (or, rounded, F64) array to {@code target} from {@code offset} on. */
  void download(NdArray from, float[] target, int offset);

  /** Copies an F32 or F64 array to {@code target} from {@code offset} on. */
  void download(NdArray from, double[] target, int offset);

  /** Copies an I32 array to {@code target} from {@code offset} on. */
  void download(NdArray from, int[] target, int offset);

  // ---- copies and elementwise

  /** {@code out[i] = value}. */
  void fill(NdArray out, double value);

  /** {@code out[i] = x[i]}; same size, any shapes. */
  void copy(NdArray x, NdArray out);

  /**
   * Copies (or adds) columns between matrices: {@code out[r, outStart + j] = x[r, xStart + j]} for
   * j in [0, columns). Slicing and concatenation along any axis are this, on a reshaped view.
   *
   * @param x [R, P]
   * @param out [R, Q]
   */
  void copyColumns(NdArray x, int xStart, NdArray out, int outStart, int columns, Write write);

  /** {@code out = a + b}; b repeats when its size is a divisor of a's (a trailing shape). */
  void add(NdArray a, NdArray b, NdArray out);

  /** {@code out += alpha * x}; same size, any shapes. */
  void addScaled(double alpha, NdArray x, NdArray out);

  /** {@code out = a * b}, elementwise, same sizes; {@code out} may be {@code a} or {@code b}. */
  void multiply(NdArray a, NdArray b, NdArray out);

  /** {@code out = alpha * x}; {@code out} may be {@code x}. */
  void scale(double alpha, NdArray x, NdArray out);

  /** {@code out = f(x)}; {@code out} may be {@code x}. */
  void activation(Activation f, NdArray x, NdArray out);

  /**
   * {@code dx = dy * f'(x)}, and in the same pass the gradient of a bias that was added before f.
   *
   * @param dx may be {@code x} or {@code dy}
   * @param dBias [N], the rows' width: {@code dBias (+)= sum over rows of dx}, as in {@link
   *     #sumRows}; null when it is not wanted
   * @param write says how dBias is written
   */
  void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write);

  /**
   * SwiGLU (Shazeer 2020) on packed halves: {@code out = silu(gate) * up}.
   *
   * @param gateUp [M, 2F], a row is gate | up
   * @param out [M, F]
   */
  void swiGlu(NdArray gateUp, NdArray out);

  /** Gradient of {@link #swiGlu}: {@code dGateUp} [M, 2F] from {@code dy} [M, F]. */
  void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp);

  /**
   * Inverted dropout (Srivastava et al. 2014): {@code out = x / (1 - p)} where element i of the
   * stream {@link dev.firesteel.random.Philox#uniform} of {@code key} is at least p (compared as
   * doubles), else 0. The mask is a function of the key and the element index, so the backward pass
   * is the same call on dy and stores nothing.
   */
  void dropout(NdArray x, long key, double probability, NdArray out);

  // ---- reductions

  /** {@code out[n] (+)= sum over rows of x[r, n]}, rows in fixed blocks in index order. */
  void sumRows(NdArray x, NdArray out, Write write);

  /** {@code out[] = sum of x}; {@code out} is a scalar array. */
  void sum(NdArray x, NdArray out);

  /**
   * The sums of squares, in double, of the blocks of {@value #REDUCTION_BLOCK} elements counted
   * from the array's start: block {@code i}'s is written to {@code sums[first + i]}. The last block
   * may be shorter.
   */
  void sumsOfSquares(NdArray x, double[] sums, int first);

  /** The sum of squares: {@link #sumsOfSquares} of the blocks, added in index order. */
  default double sumOfSquares(NdArray x) {
    double[] sums = new double[reductionBlocks(x.size())];
    sumsOfSquares(x, sums, 0);
    double total = 0;
    for (double sum : sums) {
      total += sum;
    }
    return total;
  }

  /** The number of blocks of {@link #sumsOfSquares} in an array of {@code size} elements. */
  static int reductionBlocks(long size) {
    return Math.toIntExact((size + REDUCTION_BLOCK - 1) / REDUCTION_BLOCK);
  }

  /** Elements of one partial sum in {@link #sumsOfSquares} and {@link #sum}. */
  int REDUCTION_BLOCK = 16384;

  // ---- matrix products

  /**
   * {@code out[m, n] = f(sum_k x[m, k] * w[n, k] + bias[n])}.
   *
   * @param x [M, K] (any leading shape)
   * @param w [N, K]: a row for each output
   * @param bias [N] or null
   * @param f applied to the sum; {@link Activation#IDENTITY} for none
   * @param preActivation [M, N], receives the sum before {@code f} for the backward pass; null when
   *     it is not needed
   * @param out [M, N]
   */
  void linear(NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out);

  /** {@code dx[m, k] (+)= sum_n dy[m, n] * w[n, k]}. */
  void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write);

  /** {@code dw[n, k] (+)= sum_m dy[m, n] * x[m, k]}. */
  void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write);

  /**
   * Batched product {@code out[i] (+)= op(a[i]) * op(b[i])} over the leading axes, where op
   * transposes the last two axes when asked.
   *
   * @param a [..., M, K], or [..., K, M] when {@code transposeA}
   * @param b [..., K, N], or [..., N, K] when {@code transposeB}; the same leading axes as a
   * @param out [..., M, N]
   */
  void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write);

  // ---- embedding

  /**
   * {@code out[i, :] = table[ids[i], :]}.
   *
   * @throws IllegalArgumentException when an id is not a row of the table
   */
  void embedding(NdArray ids, NdArray table, NdArray out);

  /**
   * {@code dTable[ids[i], :] += dy[i, :]}, rows of equal id in index order; the ids are those that
   * {@link #embedding} accepted.
   */
  void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable);

  // ---- norms

  /**
   * LayerNorm (Ba et al. 2016): {@code out = (x - mean) * rstd * gain + bias} over rows, {@code
   * rstd = 1 / sqrt(var + epsilon)} with the population variance.
   *
   * @param x [M, C]
   * @param gain [C]
   * @param bias [C] or null
   * @param out [M, C]
   * @param mean [M], kept for the backward pass
   * @param rstd [M], kept for the backward pass
   */
  void layerNorm(
      NdArray x,
      NdArray gain,
      NdArray bias,
      double epsilon,
      NdArray out,
      NdArray mean,
      NdArray rstd);

  /**
   * Gradients of {@link #layerNorm} in one pass over x and dy, each with its own {@link Write};
   * null for one that is not wanted. Sums over rows are in fixed blocks in index order.
   *
   * @param dx [M, C]
   * @param dGain [C]: {@code dGain (+)= sum_m dy * (x - mean) * rstd}
   * @param dBias [C]: {@code dBias (+)= sum_m dy}
   */
  void layerNormBackward(
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
      Write dBiasWrite);

  /**
   * RMSNorm (Zhang and Sennrich 2019): {@code out = x * rstd * gain} over rows, {@code rstd = 1 /
   * sqrt(mean(x^2) + epsilon)}, which is kept in {@code rstd} [M].
   */
  void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd);

  /**
   * Gradients of {@link #rmsNorm}, as {@link #layerNormBackward}: {@code dGain (+)= sum_m dy * x *
   * rstd}.
   */
  void rmsNormBackward(
      NdArray x,
      NdArray gain,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite);

  // ---- attention

  /** {@code out = softmax(x)} over rows, in the form that subtracts the row's maximum. */
  void softmax(NdArray x, NdArray out);

  /** {@code dx = y * (dy - sum(dy * y))} over rows. */
  void softmaxBackward(NdArray y, NdArray dy, NdArray dx);

  /**
   * Turns heads by position (see {@link RopeSpec}).
   *
   * @param x [B, T, W] with {@code W >= heads * headWidth}
   * @param positions [B] I32, the position of the first token of each sequence; null for all 0
   * @param inverse turns back, which is the gradient
   * @param out [B, T, W]; may be {@code x}
   */
  void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out);

  /**
   * Causal self-attention: {@code out = softmax(scale * q k^T, keys at or before the query) v} for
   * each head, with no T x T array kept.
   *
   * @param qkv [B, T, (H + 2G) * K], packed as {@link AttentionSpec} says
   * @param out [B, T, H * K]
   * @param logSumExp [B, H, T], kept for the backward pass; null when it is not needed
   */
  void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp);

  /** Gradient of {@link #causalAttention}: {@code dQkv} [B, T, (H + 2G) * K]. */
  void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv);

  /**
   * Attention of new tokens over a cache: writes the keys and values of {@code qkv} to the cache at
   * positions {@code positions[b] + t} and attends from each new token to all at or before it.
   *
   * @param qkv [B, T, (H + 2G) * K], T new tokens of each sequence
   * @param keys [B, G, S, K], the cache, S its capacity
   * @param values [B, G, S, K]
   * @param positions [B] I32, how many tokens each sequence has in the cache before this call
   * @param out [B, T, H * K]
   * @throws IllegalArgumentException when the cache has no room for the new tokens
   */
  void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out);

  // ---- loss

  /**
   * {@code losses[m] = logSumExp(logits[m, :]) - logits[m, target[m]]}, 0 where the target is
   * negative (ignored).
   *
   * @param logits [M, V]
   * @param targets [M] I32
   * @param losses [M]
   * @param logSumExp [M], kept for the backward pass
   * @throws IllegalArgumentException when a target is V or more
   */
  void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp);

  /** {@code dLogits[m, v] = dLosses[m] * (softmax(logits[m])[v] - [v = target[m]])}. */
  void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits);

  /**
   * Language-model head and cross-entropy in one, in chunks of rows so that the logits never exist
   * whole: {@code logits = x w^T}, {@code losses} as in {@link #crossEntropy}, and at once the
   * gradients of {@code scale * sum(losses)}, since the logits would have to be computed again
   * otherwise.
   *
   * @param x [M, C]
   * @param w [V, C]
   * @param targets [M] I32, negative to ignore a row
   * @param scale what the sum of losses is multiplied with, such as 1 / tokens
   * @param losses [M], unscaled
   * @param dx [M, C], overwritten; null when no gradient is wanted
   * @param dw [V, C], overwritten; null when no gradient is wanted
   * @throws IllegalArgumentException when a target is V or more
   */
  void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw);

  // ---- optimizer

  /**
   * One AdamW update of a range, in one pass: {@code g = scale * gradient; m = beta1 m + (1 -
   * beta1) g; v = beta2 v + (1 - beta2) g^2; w -= lr * (mHat / (sqrt(vHat) + epsilon) + decay *
   * w)}.
   *
   * @param gradients read only
   * @param firstMoments m
   * @param secondMoments v
   * @param weights w
   */
  void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights);
}

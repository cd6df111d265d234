package dev.firesteel.plan;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import dev.firesteel.array.StorageAllocator;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.LionStep;
import dev.firesteel.backend.LossKernels;
import dev.firesteel.backend.NormKernels;
import dev.firesteel.backend.OptimizerKernels;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.Workspace;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * A backend without numbers: it allocates and computes nothing, and records what memory a model
 * would use at each kernel. A plan thus follows the model's actual code, tape and pool. Memory that
 * kernels keep for themselves is described by the planned backend's {@link Workspace}.
 *
 * <p>A kernel's result is the operand that no kernel has used before. Nothing is ever marked as
 * written here, so a storage's version changes only when it is released.
 *
 * <p>Kernels that no model calls yet are rejected: once a model calls one, the purpose of its
 * result must be decided here.
 */
final class KernelTrace implements Backend {
  /** The purpose of an array of the pool. */
  enum Kind {
    RESIDUAL("residual stream"),
    NORM("norms"),
    ATTENTION("attention: queries, keys, values, results"),
    FEED_FORWARD("feed-forward"),
    GRADIENT("gradients of activations"),
    OTHER("token ids, losses and other arrays");

    private final String title;

    Kind(String title) {
      this.title = title;
    }

    String title() {
      return title;
    }
  }

  private static final class Label {
    private final Kind kind;
    private final long version;

    Label(Kind kind, long version) {
      this.kind = kind;
      this.version = version;
    }
  }

  private static final class NoMemory extends Storage {
    NoMemory(DType dtype, long size) {
      super(dtype, size);
    }
  }

  private final Heap heap;
  private final Workspace workspace;
  private final IdentityHashMap<Storage, Label> pooled = new IdentityHashMap<>();
  private final ArrayPool pool = new ArrayPool(new PoolAllocator());
  private final ElementwiseKernels elementwise = new Elementwise();
  private final ReductionKernels reductions = new Reductions();
  private final ProductKernels products = new Products();
  private final NormKernels norms = new Norms();
  private final AttentionKernels attention = new Attention();
  private final LossKernels losses = new Losses();
  private final OptimizerKernels optimizer = new Optimizer();
  private ParameterSet parameters;
  private boolean optimizing;
  private long poolHeapBytes;
  private long peakLentBytes;
  private Map<Kind, Long> atPeak = new EnumMap<>(Kind.class);

  KernelTrace(Heap heap, Workspace workspace) {
    this.heap = heap;
    this.workspace = workspace;
  }

  private final class PoolAllocator implements StorageAllocator {
    @Override
    public Storage allocate(DType dtype, long size) {
      Storage storage = new NoMemory(dtype, size);
      pooled.put(storage, new Label(Kind.OTHER, -1));
      poolHeapBytes += heap.arrayBytes(size * dtype.bytes());
      return storage;
    }

    @Override
    public void free(Storage storage) {}
  }

  ArrayPool pool() {
    return pool;
  }

  /** The parameters whose weights are on this backend. */
  void weightsOf(ParameterSet set) {
    parameters = set;
  }

  /** The heap memory taken by the pool. */
  long poolHeapBytes() {
    return poolHeapBytes;
  }

  /** The pool's allocations at peak, by kind. */
  Map<Kind, Long> atPeak() {
    return atPeak;
  }

  @Override
  public String name() {
    return "plan";
  }

  @Override
  public String description() {
    return "plan: no arithmetic";
  }

  @Override
  public String arithmetic() {
    return "plan";
  }

  @Override
  public boolean supports(DType dtype) {
    return true;
  }

  @Override
  public Storage allocate(DType dtype, long size) {
    return new NoMemory(dtype, size);
  }

  @Override
  public void free(Storage storage) {}

  @Override
  public void close() {}

  @Override
  public ElementwiseKernels elementwise() {
    return elementwise;
  }

  @Override
  public ReductionKernels reductions() {
    return reductions;
  }

  @Override
  public ProductKernels products() {
    return products;
  }

  @Override
  public NormKernels norms() {
    return norms;
  }

  @Override
  public AttentionKernels attention() {
    return attention;
  }

  @Override
  public LossKernels losses() {
    return losses;
  }

  @Override
  public OptimizerKernels optimizer() {
    return optimizer;
  }

  @Override
  public void fill(NdArray out, double value) {
    note(Kind.GRADIENT, out);
  }

  @Override
  public void upload(float[] source, int offset, NdArray to) {
    note(Kind.OTHER, to);
  }

  @Override
  public void upload(double[] source, int offset, NdArray to) {
    note(Kind.OTHER, to);
  }

  @Override
  public void upload(int[] source, int offset, NdArray to) {
    note(Kind.OTHER, to);
  }

  @Override
  public void download(NdArray from, float[] target, int offset) {
    note(Kind.OTHER, from);
  }

  @Override
  public void download(NdArray from, double[] target, int offset) {
    note(Kind.OTHER, from);
  }

  @Override
  public void download(NdArray from, int[] target, int offset) {
    note(Kind.OTHER, from);
  }

  /**
   * Labels the operands that no kernel has used before, and updates the peak allocation.
   *
   * @param kind purpose of the kernel's result
   * @param operands null for an absent operand
   */
  private void note(Kind kind, NdArray... operands) {
    for (NdArray array : operands) {
      if (array != null) {
        Storage storage = array.storage();
        Label label = pooled.get(storage);
        if (label != null && label.version != storage.version()) {
          pooled.put(storage, new Label(kind, storage.version()));
        }
      }
    }
    if (pool.lentBytes() > peakLentBytes) {
      peakLentBytes = pool.lentBytes();
      atPeak = new EnumMap<>(Kind.class);
      pooled.forEach(
          (storage, label) -> {
            if (label.version == storage.version()) {
              long bytes = heap.arrayBytes(storage.size() * storage.dtype().bytes());
              atPeak.merge(label.kind, bytes, Long::sum);
            }
          });
    }
  }

  private static IllegalStateException unknown(String kernel) {
    return new IllegalStateException(
        "the plan does not know the kernel "
            + kernel
            + ": decide in KernelTrace what its result is for, and in Workspace what it keeps");
  }

  /** Runs an optimizer, whose matmuls are not those of a model's layers. */
  void optimize(Runnable step) {
    optimizing = true;
    step.run();
    optimizing = false;
  }

  private Kind kindOfProduct(NdArray weight) {
    if (optimizing) {
      return Kind.OTHER;
    }
    return switch (partOf(weight)) {
      case ATTENTION -> Kind.ATTENTION;
      case FEED_FORWARD -> Kind.FEED_FORWARD;
      case EMBEDDING, HEAD -> Kind.OTHER; // logits of a sample
      case POSITIONS, NORMS ->
          throw new IllegalStateException("the plan does not know a matmul with " + weight);
    };
  }

  private Kind kindOfNorm(NdArray gain) {
    return partOf(gain) == ModelPart.ATTENTION ? Kind.ATTENTION : Kind.NORM;
  }

  /** A copy has the purpose of what it copies. */
  private Kind kindOfCopy(NdArray x) {
    Label label = pooled.get(x.storage());
    return label != null && label.version == x.storage().version() ? label.kind : Kind.OTHER;
  }

  private ModelPart partOf(NdArray weight) {
    for (Parameter parameter : parameters.parameters()) {
      NdArray view = parameters.weights().view(parameter);
      if (weight.storage() == view.storage() && weight.offset() == view.offset()) {
        return ModelPart.of(parameter.name());
      }
    }
    throw new IllegalStateException(
        "the plan does not know a matmul with or norm by what is no weight: " + weight);
  }

  private final class Elementwise implements ElementwiseKernels {
    @Override
    public void copy(NdArray x, NdArray out) {
      note(Kind.GRADIENT, x, out);
    }

    @Override
    public void copyColumns(
        NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
      note(kindOfCopy(x), x, out);
    }

    @Override
    public void add(NdArray a, NdArray b, NdArray out) {
      note(Kind.RESIDUAL, a, b, out);
    }

    @Override
    public void addScaled(double alpha, NdArray x, NdArray out) {
      note(Kind.GRADIENT, x, out);
    }

    @Override
    public void multiply(NdArray a, NdArray b, NdArray out) {
      throw unknown("multiply");
    }

    @Override
    public void scale(double alpha, NdArray x, NdArray out) {
      note(Kind.GRADIENT, x, out);
    }

    @Override
    public void activation(Activation f, NdArray x, NdArray out) {
      note(Kind.FEED_FORWARD, x, out);
    }

    @Override
    public void activationBackward(
        Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
      workspace.sumRows(x);
      note(Kind.GRADIENT, x, dy, dx, dBias);
    }

    @Override
    public void swiGlu(NdArray gateUp, NdArray out) {
      note(Kind.FEED_FORWARD, gateUp, out);
    }

    @Override
    public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
      note(Kind.GRADIENT, gateUp, dy, dGateUp);
    }

    @Override
    public void dropout(NdArray x, long key, double probability, NdArray out) {
      note(Kind.RESIDUAL, x, out);
    }
  }

  private final class Reductions implements ReductionKernels {
    @Override
    public void sumRows(NdArray x, NdArray out, Write write) {
      workspace.sumRows(x);
      note(Kind.GRADIENT, x, out);
    }

    @Override
    public void sum(NdArray x, NdArray out) {
      note(Kind.OTHER, x, out);
    }

    @Override
    public void sumsOfSquares(NdArray x, double[] sums, int first) {
      note(Kind.OTHER, x);
    }
  }

  private final class Products implements ProductKernels {
    @Override
    public void linear(
        NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
      workspace.linear(x, w);
      note(kindOfProduct(w), x, w, bias, preActivation, out);
    }

    @Override
    public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
      workspace.linearBackwardInput(dy, w);
      note(Kind.GRADIENT, dy, w, dx);
    }

    @Override
    public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
      workspace.linearBackwardWeight(dy, x);
      note(Kind.GRADIENT, dy, x, dw);
    }

    @Override
    public NdArray keep(NdArray x) {
      return workspace.keep(x);
    }

    @Override
    public void matmul(
        NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
      throw unknown("matmul");
    }

    @Override
    public void embedding(NdArray ids, NdArray table, NdArray out) {
      note(Kind.RESIDUAL, ids, table, out);
    }

    @Override
    public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
      note(Kind.GRADIENT, ids, dy, dTable);
    }
  }

  private final class Norms implements NormKernels {
    @Override
    public void layerNorm(
        NdArray x,
        NdArray gain,
        NdArray bias,
        double epsilon,
        NdArray out,
        NdArray mean,
        NdArray rstd) {
      note(kindOfNorm(gain), x, gain, bias, out, mean, rstd);
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
      workspace.sumRows(x);
      note(Kind.GRADIENT, x, gain, mean, rstd, dy, dx, dGain, dBias);
    }

    @Override
    public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
      note(kindOfNorm(gain), x, gain, out, rstd);
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
      workspace.sumRows(x);
      note(Kind.GRADIENT, x, gain, rstd, dy, dx, dGain);
    }
  }

  private final class Attention implements AttentionKernels {
    @Override
    public void softmax(NdArray x, NdArray out) {
      throw unknown("softmax");
    }

    @Override
    public void softmaxBackward(NdArray y, NdArray dy, NdArray dx) {
      throw unknown("softmaxBackward");
    }

    @Override
    public void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out) {
      note(Kind.ATTENTION, x, positions, out);
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
      note(Kind.ATTENTION, q.rows(), k.rows(), v.rows(), ranges, bias, out, logSumExp);
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
      workspace.attentionBackward(spec, q, k);
      note(
          Kind.GRADIENT,
          q.rows(),
          k.rows(),
          v.rows(),
          ranges,
          bias,
          out,
          logSumExp,
          dOut,
          dQ.rows(),
          dK.rows(),
          dV.rows(),
          dBias);
    }

    @Override
    public void append(NdArray x, int column, NdArray cache, NdArray positions) {
      note(Kind.ATTENTION, x, positions, cache);
    }
  }

  private final class Losses implements LossKernels {
    @Override
    public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
      throw unknown("crossEntropy");
    }

    @Override
    public void crossEntropyBackward(
        NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
      throw unknown("crossEntropyBackward");
    }

    @Override
    public void linearCrossEntropy(
        NdArray x,
        NdArray w,
        NdArray targets,
        double scale,
        NdArray losses,
        NdArray dx,
        NdArray dw) {
      workspace.linearCrossEntropy(x, w);
      note(Kind.OTHER, x, w, targets, losses, dx, dw);
    }

    @Override
    public void tokenLosses(
        NdArray x,
        NdArray w,
        NdArray targets,
        double temperature,
        NdArray losses,
        NdArray logSumExp,
        NdArray entropies) {
      workspace.tokenLosses(x, w);
      note(Kind.OTHER, x, w, targets, losses, logSumExp, entropies);
    }

    @Override
    public void tokenLossesBackward(
        NdArray x,
        NdArray w,
        NdArray targets,
        double temperature,
        NdArray logSumExp,
        NdArray entropies,
        NdArray dLosses,
        NdArray dEntropies,
        NdArray dx,
        Write dxWrite,
        NdArray dw,
        Write dwWrite) {
      workspace.tokenLossesBackward(x, w);
      note(Kind.GRADIENT, x, w, targets, logSumExp, entropies, dLosses, dEntropies, dx, dw);
    }
  }

  private final class Optimizer implements OptimizerKernels {
    @Override
    public void adamW(
        AdamWStep step,
        NdArray gradients,
        NdArray firstMoments,
        NdArray secondMoments,
        NdArray weights) {
      note(Kind.OTHER, gradients, firstMoments, secondMoments, weights);
    }

    @Override
    public void lion(LionStep step, NdArray gradients, NdArray momentum, NdArray weights) {
      note(Kind.OTHER, gradients, momentum, weights);
    }

    @Override
    public void squareSums(NdArray x, NdArray rows, NdArray columns) {
      workspace.sumRows(x);
      note(Kind.OTHER, x, rows, columns);
    }

    @Override
    public void scaleRowsAndColumns(NdArray x, NdArray rows, NdArray columns) {
      note(Kind.OTHER, x, rows, columns);
    }
  }
}

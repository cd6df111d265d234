package dev.firesteel.plan;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * A backend without numbers: it allocates nothing, computes nothing, and notes what memory a model
 * would have at each kernel. So a plan follows the model's own code, tape and pool, whatever they
 * come to do.
 *
 * <p>A kernel's result is the operand that no kernel has named before. Nothing is ever marked as
 * written here, so a storage's version changes only when its lease ends.
 */
final class KernelTrace implements InvocationHandler {
  /** What an array of the pool is for. */
  enum Kind {
    RESIDUAL("residual stream"),
    NORM("norms"),
    ATTENTION("attention: queries, keys, values, results"),
    FEED_FORWARD("feed-forward"),
    GRADIENT("gradients of activations"),
    OTHER("token ids, losses and others");

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
  private final Bf16Copies copies = new Bf16Copies();
  private final Backend backend =
      (Backend)
          Proxy.newProxyInstance(
              Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, this);
  private final IdentityHashMap<Storage, Label> pooled = new IdentityHashMap<>();
  private final ArrayPool pool = new ArrayPool(new PoolAllocator());
  private ParameterSet parameters;
  private Storage weights;
  private long poolHeapBytes;
  private long peakLentBytes;
  private Map<Kind, Long> atPeak = new EnumMap<>(Kind.class);

  KernelTrace(Heap heap, Workspace workspace) {
    this.heap = heap;
    this.workspace = workspace;
  }

  private final class PoolAllocator implements dev.firesteel.array.StorageAllocator {
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

  Backend backend() {
    return backend;
  }

  ArrayPool pool() {
    return pool;
  }

  /** The parameters whose weights are on this backend. */
  void weightsOf(ParameterSet set) {
    parameters = set;
    weights = set.weights().flat().storage();
  }

  /** What the pool has taken of the heap. */
  long poolHeapBytes() {
    return poolHeapBytes;
  }

  /** What the pool had lent at the busiest moment, by kind. */
  Map<Kind, Long> atPeak() {
    return atPeak;
  }

  /** Native memory of bf16 copies. */
  long copiesBytes() {
    return copies.peakBytes();
  }

  @Override
  public Object invoke(Object proxy, Method method, Object[] arguments) {
    return switch (method.getName()) {
      case "allocate" -> new NoMemory((DType) arguments[0], (Long) arguments[1]);
      case "free", "close" -> null;
      case "supports", "warmUp" -> true;
      case "threadsBesideCaller" -> List.of();
      case "name", "description", "arithmetic", "toString" -> "plan";
      case "equals" -> proxy == arguments[0];
      case "hashCode" -> System.identityHashCode(proxy);
      case "sumOfSquares" -> 0.0;
      default -> {
        note(method.getName(), arguments);
        yield null;
      }
    };
  }

  private void note(String kernel, Object... arguments) {
    Kind kind = work(kernel, arguments);
    for (Object argument : arguments) {
      if (argument instanceof NdArray array) {
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

  /**
   * Counts what a kernel needs beside its operands.
   *
   * @return what its result is for
   * @throws IllegalStateException for a kernel without a rule: one that no model calls so far
   */
  private Kind work(String kernel, Object... arguments) {
    return switch (kernel) {
      case "add", "dropout", "embedding" -> Kind.RESIDUAL;
      case "layerNorm", "rmsNorm" -> Kind.NORM;
      case "rope", "causalAttention", "cachedAttention" -> Kind.ATTENTION;
      case "activation", "swiGlu" -> Kind.FEED_FORWARD;
      case "upload", "download", "fill", "sum", "sumsOfSquares", "adamW" -> Kind.OTHER;
      case "copy", "copyColumns", "addScaled", "scale", "swiGluBackward", "embeddingBackward" ->
          Kind.GRADIENT;
      case "linear" -> {
        NdArray x = array(arguments[0]);
        NdArray w = array(arguments[1]);
        workspace.linear(x.shape().rows(), w.shape().dim(0), w.shape().dim(1), w.offset());
        copies(x, w);
        yield kindOfProduct(w);
      }
      case "linearBackwardInput" -> {
        NdArray dy = array(arguments[0]);
        NdArray w = array(arguments[1]);
        workspace.linearBackwardInput(dy.shape().rows(), w.shape().dim(0), w.shape().dim(1));
        copies(dy, w);
        yield Kind.GRADIENT;
      }
      case "linearBackwardWeight" -> {
        NdArray dy = array(arguments[0]);
        NdArray x = array(arguments[1]);
        workspace.linearBackwardWeight(dy.shape().rows(), dy.shape().last(), x.shape().last());
        copies(dy, x);
        yield Kind.GRADIENT;
      }
      case "linearCrossEntropy" -> {
        NdArray x = array(arguments[0]);
        NdArray w = array(arguments[1]);
        workspace.head(x.shape().rows(), w.shape().dim(0), w.shape().dim(1), w.offset());
        copies(x, w);
        yield Kind.OTHER;
      }
      case "sumRows", "layerNormBackward", "rmsNormBackward" -> reduceRows(array(arguments[0]));
      case "activationBackward" -> reduceRows(array(arguments[1]));
      case "causalAttentionBackward" -> {
        AttentionSpec spec = (AttentionSpec) arguments[0];
        workspace.attend(array(arguments[1]).shape().dim(1), spec.headWidth());
        yield Kind.GRADIENT;
      }
      default ->
          throw new IllegalStateException(
              "the plan does not know the kernel "
                  + kernel
                  + ": add to KernelTrace what it needs and what its result is for");
    };
  }

  private Kind kindOfProduct(NdArray weight) {
    for (Parameter parameter : parameters.parameters()) {
      if (weight.storage() == weights && parameter.offset() == weight.offset()) {
        return switch (ModelPart.of(parameter.name())) {
          case ATTENTION -> Kind.ATTENTION;
          case FEED_FORWARD -> Kind.FEED_FORWARD;
          case EMBEDDING, HEAD -> Kind.OTHER; // logits of a sample
          case POSITIONS, NORMS ->
              throw new IllegalStateException(
                  "the plan does not know a product with the parameter " + parameter.name());
        };
      }
    }
    throw new IllegalStateException("the plan does not know a product with no weight: " + weight);
  }

  private Kind reduceRows(NdArray x) {
    workspace.reduceRows(x.shape().rows(), x.shape().last());
    return Kind.GRADIENT;
  }

  private void copies(NdArray... operands) {
    if (workspace instanceof Workspace.Bf16) {
      for (NdArray operand : operands) {
        copies.need(operand);
      }
    }
  }

  private static NdArray array(Object argument) {
    return (NdArray) argument;
  }
}

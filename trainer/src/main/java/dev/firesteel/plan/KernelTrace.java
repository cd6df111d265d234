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
    Class<?> result = method.getReturnType();
    if (method.getName().equals("allocate")) {
      return new NoMemory((DType) arguments[0], (Long) arguments[1]);
    } else if (result == boolean.class) {
      return true;
    } else if (result == double.class) {
      return 0.0;
    } else if (result == String.class) {
      return "plan";
    } else if (arguments != null) {
      note(method.getName(), arguments);
    }
    return null;
  }

  private void note(String kernel, Object... arguments) {
    Kind kind = kind(kernel, arguments);
    for (Object argument : arguments) {
      if (argument instanceof NdArray array) {
        Storage storage = array.storage();
        Label label = pooled.get(storage);
        if (label != null && label.version != storage.version()) {
          pooled.put(storage, new Label(kind, storage.version()));
        }
      }
    }
    work(kernel, arguments);
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

  private Kind kind(String kernel, Object... arguments) {
    return switch (kernel) {
      case "add", "dropout", "embedding" -> Kind.RESIDUAL;
      case "layerNorm", "rmsNorm" -> Kind.NORM;
      case "rope", "causalAttention", "cachedAttention" -> Kind.ATTENTION;
      case "activation", "swiGlu" -> Kind.FEED_FORWARD;
      case "linear" -> kindOfProduct((NdArray) arguments[1]);
      case "upload", "fill", "sum", "linearCrossEntropy" -> Kind.OTHER;
      default -> Kind.GRADIENT;
    };
  }

  private Kind kindOfProduct(NdArray weight) {
    if (weight.storage() == weights) {
      for (Parameter parameter : parameters.parameters()) {
        if (parameter.offset() == weight.offset()) {
          return parameter.name().contains(".feed_forward.")
              ? Kind.FEED_FORWARD
              : parameter.name().contains(".attention.") ? Kind.ATTENTION : Kind.OTHER;
        }
      }
    }
    return Kind.OTHER;
  }

  private void work(String kernel, Object... arguments) {
    switch (kernel) {
      case "linear" -> {
        NdArray x = array(arguments[0]);
        NdArray w = array(arguments[1]);
        workspace.linear(x.shape().rows(), w.shape().dim(0), w.shape().dim(1), w.offset());
        copies(x, w);
      }
      case "linearBackwardInput" -> {
        NdArray dy = array(arguments[0]);
        NdArray w = array(arguments[1]);
        workspace.linearBackwardInput(dy.shape().rows(), w.shape().dim(0), w.shape().dim(1));
        copies(dy, w);
      }
      case "linearBackwardWeight" -> {
        NdArray dy = array(arguments[0]);
        NdArray x = array(arguments[1]);
        workspace.linearBackwardWeight(dy.shape().rows(), dy.shape().last(), x.shape().last());
        copies(dy, x);
      }
      case "linearCrossEntropy" -> {
        NdArray x = array(arguments[0]);
        NdArray w = array(arguments[1]);
        workspace.head(x.shape().rows(), w.shape().dim(0), w.shape().dim(1), w.offset());
        copies(x, w);
      }
      case "sumRows", "layerNormBackward", "rmsNormBackward" -> reduceRows(array(arguments[0]));
      case "activationBackward" -> reduceRows(array(arguments[1]));
      case "causalAttentionBackward" -> {
        AttentionSpec spec = (AttentionSpec) arguments[0];
        workspace.attend(array(arguments[1]).shape().dim(1), spec.headWidth());
      }
      default -> {
        // Works in place, or on what it is given.
      }
    }
  }

  private void reduceRows(NdArray x) {
    workspace.reduceRows(x.shape().rows(), x.shape().last());
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

package dev.firesteel.tensor;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.ArrayScope;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.ShapeException;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.tensor.Node.GradientWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The record of one forward pass (a micro-batch), in order of creation, so that backward is a loop
 * from its end. Owns every array of the pass: {@link #close()} releases them, and {@link #backward}
 * already releases activations as it proceeds.
 *
 * <pre>{@code
 * try (Tape tape = Tape.training(backend, pool)) {
 *   Tensor w = tape.variable(weight, gradient);
 *   Tensor loss = tape.constant(x).linear(w, null).crossEntropy(tape.constant(targets)).sum();
 *   tape.backward(loss);   // gradient now holds d loss / d weight
 * }
 * }</pre>
 *
 * <p>Confined to one thread.
 */
public final class Tape implements AutoCloseable {
  private final Backend backend;
  private final ArrayScope scope;
  private final boolean recording;
  private final List<Node> nodes = new ArrayList<>();
  private final IdentityHashMap<NdArray, Tensor> variables = new IdentityHashMap<>();

  /** The variables' tensors in order of creation. */
  private final List<Tensor> leaves = new ArrayList<>();

  private final List<Claim> claims = new ArrayList<>(1);
  private List<Node> segment;
  private boolean spent;

  private Tape(Backend backend, ArrayScope scope, boolean recording) {
    this.backend = backend;
    this.scope = scope;
    this.recording = recording;
  }

  /** A tape that records for one backward pass. */
  public static Tape training(Backend backend, ArrayPool pool) {
    return new Tape(backend, new ArrayScope("training tape", pool), true);
  }

  /** A tape that records nothing: evaluation and generation. */
  public static Tape inference(Backend backend, ArrayPool pool) {
    return new Tape(backend, new ArrayScope("inference tape", pool), false);
  }

  public Backend backend() {
    return backend;
  }

  /** Whether gradients will be computed; if not, a model disables dropout. */
  public boolean recording() {
    return recording;
  }

  ArrayScope scope() {
    return scope;
  }

  /** A tensor without gradient. The array remains the caller's. */
  public Tensor constant(NdArray value) {
    return new Tensor(this, value, false);
  }

  /** A constant with {@code values}, uploaded to memory that the tape owns. */
  public Tensor constant(int[] values, Shape shape) {
    NdArray array = scope.allocate(DType.I32, shape);
    backend.upload(values, 0, array);
    return constant(array);
  }

  /** A constant of an element type with {@code values}, uploaded to memory that the tape owns. */
  public Tensor constant(double[] values, DType type, Shape shape) {
    NdArray array = scope.allocate(type, shape);
    backend.upload(values, 0, array);
    return constant(array);
  }

  /**
   * A leaf whose gradient is in {@code gradient} after {@link #backward}: overwritten regardless of
   * its content (perhaps already by the forward pass), and zero if the loss does not depend on the
   * leaf. The same array always gives the same tensor, so that a tied weight has a single gradient.
   *
   * @throws ShapeException when the shapes differ
   * @throws IllegalArgumentException when the element types differ, or when the array was passed
   *     before with another gradient
   */
  public Tensor variable(NdArray value, NdArray gradient) {
    if (!value.shape().equals(gradient.shape())) {
      throw new ShapeException(
          "variable", "gradient must have the value's shape", value.shape(), gradient.shape());
    }
    if (value.dtype() != gradient.dtype()) {
      throw new IllegalArgumentException(
          "variable: gradient must have the value's element type, got "
              + value
              + " and "
              + gradient);
    }
    Tensor leaf =
        variables.computeIfAbsent(
            value,
            array -> {
              Tensor made = new Tensor(this, array, recording);
              if (recording) {
                made.gradient = Gradient.into(gradient);
              }
              leaves.add(made);
              return made;
            });
    if (recording && !leaf.gradient.isAt(gradient)) {
      throw new IllegalArgumentException(
          "variable: the array " + value + " already has another gradient on this tape");
    }
    return leaf;
  }

  /**
   * Runs a segment of a model whose inner tensors are not used outside of it. Only the result's
   * array is kept and, on a training tape, those that {@link #backward} reads. A nested segment
   * belongs to the outer one.
   */
  public Tensor segment(Supplier<Tensor> part) {
    return segment(part, recording ? Liveness::releaseUnread : Liveness::releaseAll);
  }

  /**
   * Activation checkpointing: like {@link #segment}, but only the result is kept on a training
   * tape, too. When {@link #backward} reaches the segment, it recomputes the other arrays from the
   * segment's inputs, with bit-identical results. The last op's own arrays are kept with its
   * result, and ops whose arrays backward does not read are not rerun.
   *
   * @throws IllegalArgumentException on a training tape, when the result is not that of the
   *     segment's last op
   */
  public Tensor recomputed(Supplier<Tensor> part) {
    return segment(part, recording ? Liveness::releaseForRecomputation : Liveness::releaseAll);
  }

  private Tensor segment(Supplier<Tensor> part, BiConsumer<List<Node>, Tensor> end) {
    if (segment != null) {
      return part.get();
    }
    segment = new ArrayList<>();
    try {
      Tensor result = part.get();
      end.accept(segment, result);
      return result;
    } finally {
      segment = null;
    }
  }

  /** Applies an op. All tensors other than leaves are created here. */
  Tensor apply(Op op, Tensor... inputs) {
    boolean wantsGradient = false;
    NdArray[] in = new NdArray[inputs.length];
    Shape[] shapes = new Shape[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      if (inputs[i].tape() != this) {
        throw new IllegalArgumentException(op.name() + ": all operands must be on one tape");
      }
      in[i] = inputs[i].array();
      shapes[i] = in[i].shape();
      wantsGradient |= inputs[i].requiresGradient();
    }
    checkTypes(op, in);
    Shape expected = op.outputShape(shapes);
    Node node = new Node(this, op, inputs, wantsGradient);
    NdArray out = node.forward(in);
    assert out.shape().equals(expected) : op.name() + ": " + out.shape() + " is not " + expected;
    node.output = new Tensor(this, out, wantsGradient);
    if (recording) {
      // Even if no gradient is needed: backward releases those arrays, too.
      nodes.add(node);
    }
    if (segment != null) {
      segment.add(node);
    }
    return node.output;
  }

  private static void checkTypes(Op op, NdArray... in) {
    DType numbers = null;
    for (int i = 0; i < in.length; i++) {
      DType type = in[i].dtype();
      if (!op.accepts(i, type)) {
        String required = op.accepts(i, DType.I32) ? "I32" : "F32 or F64";
        throw new IllegalArgumentException(
            op.name() + ": operand " + i + " must be " + required + ", got " + in[i]);
      }
      if (type != DType.I32) {
        if (numbers != null && type != numbers) {
          throw new IllegalArgumentException(
              op.name() + ": operands must be of one element type, got " + Arrays.toString(in));
        }
        numbers = type;
      }
    }
  }

  /**
   * Computes the gradient of a scalar with respect to every variable. Activations are released as
   * they are used up: afterwards only {@code loss} and leaves may be read. Once per tape.
   */
  public void backward(Tensor loss) {
    backward(loss, gradient -> {});
  }

  /**
   * Like {@link #backward(Tensor)}; passes each variable to {@code complete} as soon as its
   * gradient is final, in the order in which that happens. The order is that of the tape: the same
   * for every pass of a model.
   */
  public void backward(Tensor loss, Consumer<NdArray> complete) {
    if (loss.shape().size() != 1) {
      throw new ShapeException("backward", "the loss must be a scalar", loss.shape());
    }
    differentiate(loss, null, complete);
  }

  /** {@link #backward(Tensor, NdArray, Consumer)} without notice of finished variables. */
  public void backward(Tensor y, NdArray dy) {
    backward(y, dy, gradient -> {});
  }

  /**
   * Computes the gradient of {@code sum(dy * y)} with respect to every variable, for a loss of
   * {@code y} that is computed elsewhere, such as on the host: {@code dy} is its gradient. Several
   * outputs are joined by {@link Tensor#concat}. Otherwise like {@link #backward(Tensor,
   * Consumer)}, which is the case of a scalar and {@code dy = 1}: afterwards only {@code y} and
   * leaves may be read.
   *
   * @param dy of y's shape and element type; remains the caller's and unchanged
   * @throws ShapeException when the shapes differ
   * @throws IllegalArgumentException when the element types differ
   */
  public void backward(Tensor y, NdArray dy, Consumer<NdArray> complete) {
    if (!dy.shape().equals(y.shape())) {
      throw new ShapeException("backward", "dy must have the shape of y", y.shape(), dy.shape());
    }
    if (dy.dtype() != y.array().dtype()) {
      throw new IllegalArgumentException(
          "backward: dy must have the element type of y, got " + y.array() + " and " + dy);
    }
    differentiate(y, dy, complete);
  }

  /**
   * Runs the backward pass.
   *
   * @param dy null for ones
   */
  private void differentiate(Tensor y, NdArray dy, Consumer<NdArray> complete) {
    if (y.tape() != this) {
      throw new IllegalArgumentException("backward: the loss must be on this tape");
    }
    if (!recording || spent) {
      throw new IllegalStateException("backward needs a training tape, and runs once on each");
    }
    spent = true;
    // An op that computed its gradients ahead did so for an output gradient of 1.
    settleClaims(dy == null ? y : null);
    IdentityHashMap<Tensor, Integer> uses = usesOfVariables();
    List<Tensor> unused = leaves.stream().filter(leaf -> uses.get(leaf) == 0).toList();
    if (y.requiresGradient()) {
      accumulate(y, (target, write) -> seed(dy, target));
    }
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node node = nodes.get(i);
      Gradient gradient = node.output.gradient;
      if (gradient != null) {
        node.recomputeEarlier();
        node.op.backward(node, gradient.array.reshape(node.output.shape()), node.inputArrays());
        node.releaseTemporaries();
        drop(node.output);
      }
      node.releaseOwned(y.array());
      for (Tensor input : node.inputs) {
        if (uses.containsKey(input) && uses.merge(input, -1, Integer::sum) == 0) {
          complete(input, complete);
        }
      }
    }
    nodes.clear();
    unused.forEach(leaf -> complete(leaf, complete));
  }

  private void seed(NdArray dy, NdArray target) {
    if (dy == null) {
      backend.fill(target, 1);
    } else {
      backend.elementwise().copy(dy, target);
    }
  }

  /** The number of node inputs that refer to each variable. */
  private IdentityHashMap<Tensor, Integer> usesOfVariables() {
    IdentityHashMap<Tensor, Integer> uses = new IdentityHashMap<>();
    leaves.forEach(leaf -> uses.put(leaf, 0));
    for (Node node : nodes) {
      for (Tensor input : node.inputs) {
        uses.computeIfPresent(input, (leaf, count) -> count + 1);
      }
    }
    return uses;
  }

  private void complete(Tensor leaf, Consumer<NdArray> complete) {
    if (!leaf.gradient.written) {
      backend.fill(leaf.gradient.array, 0);
    }
    complete.accept(leaf.gradient.array);
  }

  /**
   * The buffer of a variable's gradient for an op that computes it in its forward pass, for an
   * output gradient of 1; null if the input is not a variable, or an earlier op has claimed it. Not
   * within a segment, whose ops may run twice.
   */
  NdArray claim(Node node, int input) {
    Gradient gradient = node.inputs[input].gradient;
    if (gradient == null || segment != null || claims.stream().anyMatch(c -> c.of == gradient)) {
      return null;
    }
    claims.add(new Claim(node, gradient));
    return gradient.array;
  }

  /** Whether {@code array} is the buffer that holds a tensor's gradient. */
  boolean isGradient(Tensor tensor, NdArray array) {
    return tensor.gradient != null && tensor.gradient.array == array;
  }

  /**
   * A claim is valid if its op produced the loss; otherwise the computed gradient moves to the op.
   *
   * @param loss null if there is none whose gradient is 1
   */
  private void settleClaims(Tensor loss) {
    for (Claim claim : claims) {
      if (claim.node.output == loss) {
        claim.of.written = true;
      } else {
        NdArray copy = claim.node.allocate(claim.of.array.dtype(), claim.of.array.shape());
        backend.elementwise().copy(claim.of.array, copy);
        claim.node.replaceSaved(claim.of.array, copy);
      }
    }
    claims.clear();
  }

  void accumulate(Tensor tensor, GradientWriter writer) {
    GradientTarget target = target(tensor);
    writer.write(target.array(), target.write());
  }

  /** The destination to which the caller now writes or adds a part of a tensor's gradient. */
  GradientTarget target(Tensor tensor) {
    Gradient gradient = tensor.gradient;
    if (gradient == null) {
      gradient = Gradient.pooled(scope.allocate(tensor.array().dtype(), tensor.shape()));
      tensor.gradient = gradient;
    } else if (gradient.uses > 1) {
      // Another tensor still shares this buffer: add into a copy.
      NdArray copy = scope.allocate(tensor.array().dtype(), tensor.shape());
      backend.elementwise().copy(gradient.array, copy);
      drop(tensor);
      gradient = Gradient.pooled(copy);
      gradient.written = true;
      tensor.gradient = gradient;
    }
    NdArray array = gradient.array.reshape(tensor.shape());
    GradientTarget target = new GradientTarget(array, gradient.written ? Write.ADD : Write.SET);
    gradient.written = true;
    return target;
  }

  /** Passes {@code node}'s output gradient to an input: shared if possible, otherwise added. */
  void pass(Node node, Tensor input) {
    Gradient from = node.output.gradient;
    if (input.gradient == null) {
      from.uses++;
      input.gradient = from;
    } else {
      accumulate(
          input,
          (target, write) -> {
            if (write == Write.SET) {
              backend.elementwise().copy(from.array, target);
            } else {
              backend.elementwise().addScaled(1, from.array, target);
            }
          });
    }
  }

  private void drop(Tensor tensor) {
    Gradient gradient = tensor.gradient;
    tensor.gradient = null;
    if (--gradient.uses == 0 && gradient.pooled) {
      scope.release(gradient.array);
    }
  }

  /** Releases every array of this pass. */
  @Override
  public void close() {
    scope.close();
    nodes.clear();
    claims.clear();
    variables.clear();
    leaves.clear();
  }

  /** A variable's gradient written by a node's forward pass, for an output gradient of 1. */
  private static final class Claim {
    private final Node node;
    private final Gradient of;

    Claim(Node node, Gradient of) {
      this.node = node;
      this.of = of;
    }
  }

  /** A gradient buffer, shared by several tensors until one of them adds to it. */
  static final class Gradient {
    private final NdArray array;
    private final boolean pooled;
    private int uses = 1;
    private boolean written;

    private Gradient(NdArray array, boolean pooled) {
      this.array = array;
      this.pooled = pooled;
    }

    boolean isAt(NdArray buffer) {
      return array.storage() == buffer.storage() && array.offset() == buffer.offset();
    }

    static Gradient into(NdArray buffer) {
      return new Gradient(buffer, false);
    }

    static Gradient pooled(NdArray buffer) {
      return new Gradient(buffer, true);
    }
  }
}

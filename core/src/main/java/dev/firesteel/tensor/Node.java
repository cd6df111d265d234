package dev.firesteel.tensor;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** One use of an op on a tape: its inputs and output, and what it saves between the passes. */
final class Node {
  private final Tape tape;
  final Op op;
  final Tensor[] inputs;
  final boolean recorded;
  Tensor output;
  private final List<NdArray> owned = new ArrayList<>(4);
  private final List<NdArray> saved = new ArrayList<>(3);
  private final List<NdArray> temporaries = new ArrayList<>(2);

  /** What the backend keeps of operands for backward, by input; null if it is the operand. */
  private NdArray[] kept;

  /** Earlier nodes whose arrays were released but are needed by backward. */
  private List<Node> released = List.of();

  /** The segment of which this node is the last, if it has released nodes. */
  private List<Node> segment = List.of();

  Node(Tape tape, Op op, Tensor[] inputs, boolean recorded) {
    this.tape = tape;
    this.op = op;
    this.inputs = inputs;
    this.recorded = recorded;
  }

  Backend backend() {
    return tape.backend();
  }

  /** Whether a backward pass may follow, so that operands need to be saved. */
  boolean recorded() {
    return recorded;
  }

  /** The operands or, for a backward pass, what is kept of them. */
  NdArray[] inputArrays() {
    NdArray[] in = new NdArray[inputs.length];
    for (int i = 0; i < in.length; i++) {
      in[i] = kept != null && kept[i] != null ? kept[i] : inputs[i].array();
    }
    return in;
  }

  /** Passes {@code form}, a backend's form of input {@code i}, to the backward pass instead. */
  void keep(int i, NdArray form) {
    if (kept == null) {
      kept = new NdArray[inputs.length];
    }
    kept[i] = form;
  }

  /** Makes this node the owner of an array of a backend's own, as if it had allocated it. */
  void adopt(NdArray array) {
    owned.add(tape.scope().adopt(array));
  }

  /** Runs the op. */
  NdArray forward(NdArray... in) {
    NdArray out = op.forward(this, in);
    releaseTemporaries();
    return out;
  }

  /**
   * Makes {@link #recomputeEarlier} rerun {@code earlier}, in order of creation.
   *
   * @param all the segment that they and, as its last, this node belong to
   */
  void recomputes(List<Node> earlier, List<Node> all) {
    released = earlier;
    segment = all;
  }

  /** Called before this node's backward pass. */
  void recomputeEarlier() {
    for (Node node : released) {
      node.output.recomputed(node.forward(node.inputArrays()));
    }
    if (!segment.isEmpty()) {
      Liveness.releaseUnread(segment, output);
    }
    released = List.of();
    segment = List.of();
  }

  /** An array that lives until this node's backward pass is done (or the tape closes). */
  NdArray allocate(DType dtype, Shape shape) {
    NdArray array = tape.scope().allocate(dtype, shape);
    owned.add(array);
    return array;
  }

  /** An array for the current forward or backward call only. */
  NdArray temporary(DType dtype, Shape shape) {
    NdArray array = tape.scope().allocate(dtype, shape);
    temporaries.add(array);
    return array;
  }

  /** Saves an array from {@link #allocate} (or null) for the backward pass. */
  NdArray save(NdArray array) {
    saved.add(array);
    return array;
  }

  /** The i-th saved array, see {@link #save}. */
  NdArray saved(int i) {
    return saved.get(i);
  }

  void replaceSaved(NdArray array, NdArray by) {
    saved.replaceAll(kept -> kept == array ? by : kept);
  }

  /** Whether a backward pass reads arrays that the op itself saved. */
  boolean savesForBackward() {
    return recorded && !saved.isEmpty();
  }

  /** Called before the op runs, and saves, again. */
  void forgetSaved() {
    saved.clear();
  }

  /**
   * Memory for the gradient of input {@code i} that the forward pass computes, for an output
   * gradient of 1: the variable's own buffer if possible, else this node's. {@link
   * #accumulateComputed} must follow in the backward pass.
   */
  NdArray gradientAhead(int i) {
    NdArray own = tape.claim(this, i);
    return own != null ? own : allocate(inputs[i].array().dtype(), inputs[i].shape());
  }

  /** Adds {@code factor} times the content of {@link #gradientAhead} to the gradient of input i. */
  void accumulateComputed(int i, double factor, NdArray computed) {
    if (wants(i) && !tape.isGradient(inputs[i], computed)) {
      accumulate(
          i,
          (target, write) -> {
            if (write == Write.SET) {
              backend().elementwise().scale(factor, computed, target);
            } else {
              backend().elementwise().addScaled(factor, computed, target);
            }
          });
    }
  }

  /** Whether the backward pass reads the values of input {@code i}. */
  boolean readsInBackward(int i) {
    return recorded && op.backwardReads(i, this::wants);
  }

  /** Whether input {@code i} needs a gradient. */
  boolean wants(int i) {
    return inputs[i].requiresGradient();
  }

  /**
   * Adds to the gradient of input {@code i} with a kernel that can set or add. Does nothing if the
   * input needs no gradient.
   */
  void accumulate(int i, GradientWriter writer) {
    if (wants(i)) {
      tape.accumulate(inputs[i], writer);
    }
  }

  /**
   * The destination for the gradient of input {@code i}, for a kernel that computes several
   * gradients at once and that the caller runs before anything else.
   */
  GradientTarget target(int i) {
    return wants(i) ? tape.target(inputs[i]) : GradientTarget.NONE;
  }

  /** Like {@link #accumulate}, for a kernel that can only overwrite. */
  void produce(int i, Consumer<NdArray> writer) {
    accumulate(
        i,
        (target, write) -> {
          if (write == Write.SET) {
            writer.accept(target);
          } else {
            NdArray part = tape.scope().allocate(target.dtype(), target.shape());
            writer.accept(part);
            backend().elementwise().addScaled(1, part, target);
            tape.scope().release(part);
          }
        });
  }

  /** The gradient of input {@code i} is the output's gradient itself, with the input's shape. */
  void pass(int i) {
    if (wants(i)) {
      tape.pass(this, inputs[i]);
    }
  }

  void releaseTemporaries() {
    temporaries.forEach(tape.scope()::release);
    temporaries.clear();
  }

  /** Releases every array of this node except the one that {@code except} is, or is a view of. */
  void releaseOwned(NdArray except) {
    for (NdArray array : owned) {
      if (array.storage() != except.storage()) {
        tape.scope().release(array);
      }
    }
    owned.clear();
    saved.clear();
    kept = null;
  }

  /** Releases the arrays of this node whose memory is not among {@code kept}. */
  void releaseAllBut(Set<Storage> kept) {
    owned.removeIf(
        array -> {
          boolean ends = !kept.contains(array.storage());
          if (ends) {
            tape.scope().release(array);
          }
          return ends;
        });
  }

  /** Adds the memory of the arrays from {@link #allocate}. */
  void addOwnedTo(Set<Storage> storages) {
    for (NdArray array : owned) {
      storages.add(array.storage());
    }
  }

  /** Adds the memory of the arrays saved with {@link #save}. */
  void addSavedTo(Set<Storage> storages) {
    for (NdArray array : saved) {
      if (array != null) {
        storages.add(array.storage());
      }
    }
  }

  /** A kernel call that writes or adds a gradient. */
  @FunctionalInterface
  interface GradientWriter {
    void write(NdArray target, Write write);
  }
}

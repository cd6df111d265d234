package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Which arrays of a segment of a tape outlive it. Arrays are compared by their storage, so a view
 * keeps its underlying array alive.
 */
final class Liveness {
  private Liveness() {}

  /** Without a backward pass: only the result is kept. */
  static void releaseAll(List<Node> segment, Tensor result) {
    for (Node node : segment) {
      node.releaseOwned(result.array());
    }
  }

  /**
   * The result and everything that the backward pass reads are kept; operands of which it reads
   * only a product, in the backend's form.
   */
  static void releaseUnread(List<Node> segment, Tensor result) {
    Set<Storage> read = newSet();
    read.add(result.array().storage());
    for (Node node : segment) {
      addRead(node, read, false);
      node.addSavedTo(read);
    }
    keepMultiplied(segment, read);
    for (Node node : segment) {
      node.releaseAllBut(read);
    }
  }

  /**
   * Keeps the segment's arrays that the backward pass only multiplies, and whose memory is not read
   * otherwise, in the backend's form, which may be the array itself. Adds the memory of the forms
   * to {@code read}.
   */
  private static void keepMultiplied(List<Node> segment, Set<Storage> read) {
    Set<Storage> owned = newSet();
    segment.forEach(node -> node.addOwnedTo(owned));
    List<Kept> forms = new ArrayList<>();
    for (Node node : segment) {
      for (int i = 0; i < node.inputs.length; i++) {
        NdArray array = node.inputs[i].array();
        if (!node.readsInBackward(i)
            || !node.op.backwardMultiplies(i)
            || !owned.contains(array.storage())
            || read.contains(array.storage())) {
          continue;
        }
        NdArray form = formOf(array, forms);
        if (form == null) {
          form = node.backend().products().keep(array);
          read.add(form.storage());
          if (form == array) {
            continue;
          }
          // Of all nodes that read the form, backward comes to this one last.
          node.adopt(form);
          forms.add(new Kept(array, form));
        }
        node.keep(i, form);
      }
    }
  }

  /** The form in which exactly {@code array}'s elements are kept already, or null. */
  private static NdArray formOf(NdArray array, List<Kept> forms) {
    for (Kept kept : forms) {
      if (kept.array.storage() == array.storage()
          && kept.array.offset() == array.offset()
          && kept.array.size() == array.size()) {
        return kept.form.reshape(array.shape());
      }
    }
    return null;
  }

  /** An array, and what the backend keeps of it. */
  private static final class Kept {
    private final NdArray array;
    private final NdArray form;

    Kept(NdArray array, NdArray form) {
      this.array = array;
      this.form = form;
    }
  }

  /**
   * Only the last node's arrays are kept, the result among them. The nodes whose arrays the
   * segment's backward pass reads, and those that these need in turn, are rerun before it.
   */
  static void releaseForRecomputation(List<Node> segment, Tensor result) {
    Node last = segment.isEmpty() ? null : segment.get(segment.size() - 1);
    if (last == null || last.output != result) {
      throw new IllegalArgumentException(
          "recomputed: the result must be that of the segment's last op, got " + result);
    }
    Set<Storage> read = newSet();
    addRead(last, read, true);
    Deque<Node> again = new ArrayDeque<>();
    for (int i = segment.size() - 2; i >= 0; i--) {
      Node node = segment.get(i);
      addRead(node, read, true);
      if (node.savesForBackward() || read.contains(node.output.array().storage())) {
        again.addFirst(node);
        for (NdArray operand : node.inputArrays()) {
          read.add(operand.storage());
        }
      }
    }
    Set<Storage> kept = newSet();
    kept.add(result.array().storage());
    for (Node node : segment.subList(0, segment.size() - 1)) {
      node.releaseAllBut(kept);
      node.forgetSaved();
    }
    last.recomputes(List.copyOf(again), List.copyOf(segment));
  }

  /**
   * @param multiplied whether to include operands that backward only multiplies
   */
  private static void addRead(Node node, Set<Storage> read, boolean multiplied) {
    for (int i = 0; i < node.inputs.length; i++) {
      if (node.readsInBackward(i) && (multiplied || !node.op.backwardMultiplies(i))) {
        read.add(node.inputs[i].array().storage());
      }
    }
  }

  private static Set<Storage> newSet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }
}

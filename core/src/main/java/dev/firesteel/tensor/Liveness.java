package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import java.util.ArrayDeque;
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

  /** The result and everything that the backward pass reads are kept. */
  static void releaseUnread(List<Node> segment, Tensor result) {
    Set<Storage> read = newSet();
    read.add(result.array().storage());
    for (Node node : segment) {
      addRead(node, read);
      node.addSavedTo(read);
    }
    for (Node node : segment) {
      node.releaseAllBut(read);
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
    addRead(last, read);
    Deque<Node> again = new ArrayDeque<>();
    for (int i = segment.size() - 2; i >= 0; i--) {
      Node node = segment.get(i);
      addRead(node, read);
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
    last.recomputes(List.copyOf(again));
  }

  private static void addRead(Node node, Set<Storage> read) {
    for (int i = 0; i < node.inputs.length; i++) {
      if (node.recorded() && node.op.backwardReads(i)) {
        read.add(node.inputs[i].array().storage());
      }
    }
  }

  private static Set<Storage> newSet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }
}

package dev.firesteel.stage;

import dev.firesteel.data.ExampleOrder;
import dev.firesteel.example.Example;
import java.util.List;

/**
 * The prompts of a run, each used once in a pass over them. Every rank takes the same ones; how
 * many were taken is the queue's state.
 */
final class PromptQueue {
  private final ExampleOrder order;
  private long next;

  PromptQueue(ExampleOrder order) {
    this.order = order;
  }

  /** The number in the run of the prompt that is taken next. */
  long next() {
    return next;
  }

  /** Takes prompts. */
  List<Example> take(int count) {
    List<Example> taken = order.read(next, count);
    next += count;
    return taken;
  }

  /** Continues at a prompt that {@link #next} returned. */
  void resume(long prompt) {
    next = prompt;
  }
}

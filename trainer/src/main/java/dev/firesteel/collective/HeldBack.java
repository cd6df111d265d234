package dev.firesteel.collective;

import java.util.ArrayList;
import java.util.List;

/**
 * The rounding errors that {@link GradientFormat#BF16} carries over, per reduce-scatter of a step.
 */
final class HeldBack {
  private final List<float[]> ofCalls = new ArrayList<>();
  private int next;

  /** Restarts with the first call of a step. */
  void enterStep() {
    next = 0;
  }

  /** For the next call. */
  float[] next(int length) {
    if (next == ofCalls.size()) {
      ofCalls.add(new float[length]);
    }
    float[] ofCall = ofCalls.get(next);
    if (ofCall.length != length) {
      throw new IllegalArgumentException(
          "with BF16 reduce-scatter %d of a step must have the same length in each step, %d, got %d"
              .formatted(next, ofCall.length, length));
    }
    next++;
    return ofCall;
  }
}

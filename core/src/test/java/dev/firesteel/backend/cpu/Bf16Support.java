package dev.firesteel.backend.cpu;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.error.UserException;

/** Skips tests where bf16 cannot be computed. */
final class Bf16Support {
  private Bf16Support() {}

  static void assumePresent() {
    try {
      OneDnn.open().close();
    } catch (UserException e) {
      abort(e.getMessage());
    }
  }
}

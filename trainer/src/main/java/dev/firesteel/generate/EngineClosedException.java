package dev.firesteel.generate;

/** An engine was closed before it had done what it was asked for. */
public final class EngineClosedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  EngineClosedException() {
    super("the engine is closed");
  }
}

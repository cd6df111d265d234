package dev.firesteel.generate;

/** A request that an engine has taken. Thread-safe. */
public interface EngineTicket {
  /** Ends the request, wherever it is; without effect if it has ended. */
  void cancel();
}

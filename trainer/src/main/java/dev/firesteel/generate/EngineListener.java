package dev.firesteel.generate;

/**
 * What becomes of a request. All methods are called on the engine's thread, which computes nothing
 * meanwhile: they must be short. After {@link EngineTicket#cancel} no more calls begin.
 */
public interface EngineListener {
  /** One more token of a completion. */
  void onToken(EngineToken token);

  /** All completions have ended. */
  void onEnd();

  /** It has failed; nothing follows. */
  void onFailure(Throwable failure);
}

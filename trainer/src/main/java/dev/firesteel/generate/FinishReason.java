package dev.firesteel.generate;

/** Why a completion ended. */
public enum FinishReason {
  /** The model ended the document, or a stop string appeared. */
  STOP,
  /** It has the requested number of tokens. */
  LENGTH,
  /** Prompt and completion fill the model's context. */
  CONTEXT
}

package dev.firesteel.generate;

/** Why a completion ends. */
public enum FinishReason {
  /** The model ended the document, or a stop string appeared. */
  STOP,
  /** It has as many tokens as were asked for. */
  LENGTH,
  /** Prompt and completion fill the model's context. */
  CONTEXT
}

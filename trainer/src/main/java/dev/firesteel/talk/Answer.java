package dev.firesteel.talk;

import dev.firesteel.generate.FinishReason;
import java.util.Optional;

/**
 * What a model said.
 *
 * @param text all of it
 * @param finishReason why it ended; empty if the user stopped it
 * @param forgotten how many of the conversation's messages the model does not see any more, because
 *     its context is full
 */
public record Answer(String text, Optional<FinishReason> finishReason, int forgotten) {
  /** Whether nothing was said: the message is then left out of the conversation. */
  public boolean isEmpty() {
    return text.isBlank();
  }
}

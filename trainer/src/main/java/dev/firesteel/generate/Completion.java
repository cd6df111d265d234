package dev.firesteel.generate;

import java.util.List;

/**
 * What follows a prompt.
 *
 * @param text up to the first stop string or the end of the document, without it
 * @param tokens all that were generated, with those that made it stop
 * @param finishReason why it ends
 */
public record Completion(String text, List<Integer> tokens, FinishReason finishReason) {
  public Completion {
    tokens = List.copyOf(tokens);
  }
}

package dev.firesteel.generate;

import java.util.List;

/**
 * The continuation of a prompt.
 *
 * @param text up to, not including, the first stop string or the end of the document
 * @param tokens all generated tokens, including those that ended it
 * @param finishReason why generation stopped
 */
public record Completion(String text, List<Integer> tokens, FinishReason finishReason) {
  public Completion {
    tokens = List.copyOf(tokens);
  }
}

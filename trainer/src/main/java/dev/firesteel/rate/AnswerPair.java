package dev.firesteel.rate;

import dev.firesteel.example.PromptRecord;
import java.util.List;

/**
 * Two answers side by side, to be judged.
 *
 * @param id by which the verdict names it
 * @param prompt what was answered
 * @param sides left and right
 */
public record AnswerPair(String id, PromptRecord prompt, List<Side> sides) {
  /**
   * An answer, and where it comes from, which the person who judges does not see.
   *
   * @param draw its model and seed
   * @param text the answer
   */
  public record Side(AnswerSource.Draw draw, String text) {}

  /** Copies the list. */
  public AnswerPair {
    sides = List.copyOf(sides);
  }

  /** The text of an answer as training compares it. */
  private String text(int side) {
    String text = sides.get(side).text();
    return prompt.isConversation() ? text.strip() : text;
  }

  /** Whether one can be better than the other: they differ, and both have text. */
  public boolean isComparable() {
    return !text(0).isBlank() && !text(1).isBlank() && !text(0).equals(text(1));
  }
}

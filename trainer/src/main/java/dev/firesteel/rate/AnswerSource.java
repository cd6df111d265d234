package dev.firesteel.rate;

import dev.firesteel.example.PromptRecord;
import java.util.List;
import java.util.concurrent.CompletionStage;

/** Where the answers come from that are rated. */
@FunctionalInterface
public interface AnswerSource {
  /**
   * An answer that is asked for.
   *
   * @param model its name
   * @param seed of its sampling
   */
  record Draw(String model, long seed) {}

  /**
   * The text of an answer for each draw, in order; fails if one of them does.
   *
   * @param draws two of them
   */
  CompletionStage<List<String>> answers(PromptRecord prompt, List<Draw> draws);
}

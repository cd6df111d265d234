package dev.firesteel.talk;

import dev.firesteel.generate.Completion;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import java.util.List;
import java.util.function.Consumer;

/** A model as a conversation needs it: it continues tokens. */
@FunctionalInterface
public interface AnswerWriter {
  /**
   * Continues a prompt.
   *
   * @param prompt its token ids; fewer than the model's context holds
   * @param text receives the text as it becomes final; an exception that it throws ends the answer
   *     and is passed on
   */
  Completion write(int[] prompt, GenerationOptions options, Consumer<String> text);

  /** The one that generates with a model. */
  static AnswerWriter of(Generator generator) {
    return (prompt, options, text) ->
        generator
            .generateFromIds(List.of(prompt), options, (index, token, added) -> text.accept(added))
            .get(0);
  }
}

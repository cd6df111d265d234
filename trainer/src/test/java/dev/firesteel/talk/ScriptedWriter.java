package dev.firesteel.talk;

import dev.firesteel.generate.Completion;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/** A model that says what it was given to say, word by word, and keeps what it was asked. */
final class ScriptedWriter implements AnswerWriter {
  final List<String> prompts = new ArrayList<>();
  final List<GenerationOptions> options = new ArrayList<>();
  final Deque<String> answers = new ArrayDeque<>();
  FinishReason reason = FinishReason.STOP;
  private final Tokenizer tokenizer;

  ScriptedWriter(Tokenizer tokenizer, String... answers) {
    this.tokenizer = tokenizer;
    this.answers.addAll(Arrays.asList(answers));
  }

  @Override
  public Completion write(int[] prompt, GenerationOptions with, Consumer<String> text) {
    prompts.add(tokenizer.decode(prompt));
    options.add(with);
    String answer = answers.remove();
    for (String word : answer.split("(?<= )", -1)) {
      text.accept(word);
    }
    return new Completion(answer, List.of(1), reason);
  }
}

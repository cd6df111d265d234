package dev.firesteel.talk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TalkShellTest implements TalkScreen {
  private static final Tokenizer TOKENIZER = BpeTokenizer.bytes();

  @TempDir private Path folder;
  private final StringBuilder answers = new StringBuilder();
  private final List<String> notes = new ArrayList<>();
  private final ScriptedWriter writer = new ScriptedWriter(TOKENIZER);
  private final Talk talk =
      new Talk(
          TalkPrompts.chat(
              ChatTokens.of(ChatTemplate.builtIn("chatml").orElseThrow(), TOKENIZER), 200),
          writer,
          GenerationOptions.builder().temperature(0.8).maxTokens(20).build());
  private final TalkShell shell = new TalkShell(talk, this);

  @Override
  public void answer(String text) {
    answers.append(text);
  }

  @Override
  public void answerEnded() {
    answers.append('|');
  }

  @Override
  public void note(String line) {
    notes.add(line);
  }

  private void type(String line, String... said) {
    writer.answers.addAll(List.of(said));
    assertThat(shell.accept(line)).isTrue();
  }

  @Test
  void messagesAreAnsweredAndBlankLinesAreNot() {
    type("  Hi  ", "Hello.");
    type("   ");
    type("//etc is a folder", "Yes.");
    assertThat(answers).hasToString("Hello.|Yes.|");
    assertThat(writer.prompts.get(0)).contains("user\nHi<");
    assertThat(writer.prompts.get(1)).contains("user\n/etc is a folder<");
    assertThat(notes).isEmpty();
  }

  @Test
  void whatAModelWritesCannotSteerATerminal() {
    type("Hi", "\u001b[2J\u0007 red\nx\ty\u009b");
    assertThat(answers).hasToString("\\u001b[2J\\u0007 red\nx\ty\\u009b|");
  }

  @Test
  void saysWhyAnAnswerIsNotWhole() {
    writer.reason = FinishReason.LENGTH;
    type("Hi", "one");
    writer.reason = FinishReason.CONTEXT;
    type("Hi", "two");
    writer.reason = FinishReason.STOP;
    type("Hi", "");
    assertThat(notes)
        .containsExactly(
            "the answer has reached max_tokens, 20; /set max_tokens 40 allows more",
            "the answer ended because the model's context is full",
            "the model said nothing; the message is left out of the conversation");
  }

  @Test
  void saysOnceWhatTheModelNoLongerSees() {
    for (int i = 0; i < 4; i++) {
      type("a message of some length", "an answer");
    }
    assertThat(notes)
        .containsExactly(
            "the context is full: the model no longer sees the first 2 messages of the conversation",
            "the context is full: the model no longer sees the first 4 messages of the conversation");
  }

  @Test
  void anotherThreadStopsAnAnswer() {
    writer.answers.add("one two three");
    TalkScreen stopping =
        new TalkScreen() {
          @Override
          public void answer(String text) {
            TalkShellTest.this.answer(text);
            stopper.run();
          }

          @Override
          public void answerEnded() {
            TalkShellTest.this.answerEnded();
          }

          @Override
          public void note(String line) {
            TalkShellTest.this.note(line);
          }
        };
    TalkShell stopped = new TalkShell(talk, stopping);
    stopper = stopped::stop;
    assertThat(stopped.accept("Count")).isTrue();
    assertThat(answers).hasToString("one |");
    assertThat(notes).containsExactly("stopped");
    // The next answer is not stopped.
    stopper = () -> {};
    writer.answers.add("four five");
    stopped.accept("More");
    assertThat(answers).hasToString("one |four five|");
  }

  private Runnable stopper = () -> {};

  @Test
  void settingsAreListedAndChanged() {
    type("/set");
    assertThat(notes).hasSize(8);
    assertThat(notes.get(0))
        .isEqualTo(
            "temperature         0.8     divides the logits; 0 always takes the most likely token");
    notes.clear();
    type("/set temperature 0.7");
    type("/set top-p 0.9");
    type("/set TOP_K 40");
    type("/set min_p .05");
    type("/set repetition_penalty 1.1");
    type("/set max_tokens 30");
    type("/set seed -3");
    type("/set stop \\nUser:");
    type("/set seed");
    assertThat(notes)
        .startsWith("temperature is now 0.7", "top_p is now 0.9", "top_k is now 40")
        .endsWith("stop is now \\nUser:", "seed is -3");
    assertThat(talk.options())
        .isEqualTo(
            GenerationOptions.builder()
                .temperature(0.7)
                .topP(0.9)
                .topK(40)
                .minP(0.05)
                .repetitionPenalty(1.1)
                .maxTokens(30)
                .seed(-3)
                .stopStrings(List.of("\nUser:"))
                .build());
    type("/set stop none");
    assertThat(talk.options().stopStrings()).isEmpty();
  }

  @Test
  void theSystemMessageIsSetShownAndRemoved() {
    type("/system");
    type("/system Be  brief.");
    type("/system");
    type("/system off");
    assertThat(notes)
        .containsExactly(
            "there is no system message",
            "the system message is set",
            "system: Be  brief.",
            "the system message is removed");
    assertThat(talk.system()).isEmpty();
  }

  @Test
  void retriesAndResets() {
    type("Hi", "One.");
    type("/retry", "Two.");
    assertThat(answers).hasToString("One.|Two.|");
    type("/set temperature 0");
    type("/retry", "Two.");
    assertThat(notes)
        .contains(
            "temperature is 0, so the answer is the same again; /set temperature 0.8 gives others");
    type("/reset");
    assertThat(talk.messages()).isEmpty();
    assertThatThrownBy(() -> shell.accept("/retry")).isInstanceOf(UserException.class);
  }

  @Test
  void savesLines() throws IOException {
    Path file = folder.resolve("talks and more.jsonl");
    Files.writeString(file, "{\"cut\": tr"); // another program was ended while it wrote
    type("Hi", "Hello.");
    type("/save " + file);
    type("/save " + file);
    assertThat(Files.readAllLines(file)).hasSize(3).startsWith("{\"cut\": tr");
    assertThat(Files.readAllLines(file).get(1)).startsWith("{\"messages\":[{\"role\":\"user\"");
    assertThat(notes).containsOnly("saved to " + file);
    assertThatThrownBy(() -> shell.accept("/save " + folder))
        .hasMessage(folder + " must be a file of lines, got a folder: name a file in it");
    assertThatThrownBy(() -> shell.accept("/save " + folder.resolve("none/x.jsonl")))
        .hasMessage(
            folder.resolve("none/x.jsonl")
                + " must be in a folder that exists, got none: make the folder, or choose another");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/sytem x | a command must be one of /help, /system, /reset, /retry, /set, /save, /quit, got /sytem: correct it, or type // for a message that begins with a slash",
        "/set heat 1 | a setting must be one of temperature, top_p, top_k, min_p, repetition_penalty, max_tokens, seed, stop, got heat: correct the name",
        "/set temperature warm | temperature must be a number, got warm: correct the value",
        "/set temperature -1 | temperature must be at least 0, got -1.0",
        "/set top_k 1.5 | top_k must be a whole number, got 1.5: correct the value",
        "/set max_tokens 3000000000 | max_tokens must be at most 2147483647, got 3000000000: correct the value",
        "/save | /save needs the name of a file, got none: /save talk.jsonl",
      })
  void aMistakeIsOneSentence(String line, String message) {
    GenerationOptions before = talk.options();
    assertThatThrownBy(() -> shell.accept(line))
        .isInstanceOf(UserException.class)
        .hasMessage(message);
    assertThat(talk.options()).isEqualTo(before);
  }

  @Test
  void quitEnds() {
    assertThat(shell.accept("/quit")).isFalse();
    type("/help");
    assertThat(notes).hasSize(7).allMatch(line -> line.length() <= 100);
  }

  @Test
  void aBaseModelIsGreetedAsOne() {
    assertThat(TalkShell.greeting(talk, "runs/chat"))
        .isEqualTo("Talking to runs/chat. /help shows the commands.");
    Talk base =
        new Talk(
            TalkPrompts.plain(TOKENIZER, DocumentTokens.of(TOKENIZER), 100),
            writer,
            talk.options());
    assertThat(TalkShell.greeting(base, "runs/base"))
        .isEqualTo(
            "runs/base has no chat template, so it is a base model: it continues each text that you type, and does not see those before. /help shows the commands.");
    // Spaces of a text count.
    writer.answers.add(" end");
    new TalkShell(base, this).accept("The ");
    assertThat(writer.prompts).last().isEqualTo("The ");
  }
}

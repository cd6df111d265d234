package dev.firesteel.talk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.Message;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TalkTest {
  private static final Tokenizer TOKENIZER = BpeTokenizer.bytes();
  private static final GenerationOptions OPTIONS =
      GenerationOptions.builder().temperature(0.8).maxTokens(50).seed(7).build();

  private final StringBuilder shown = new StringBuilder();

  private static Talk chat(ScriptedWriter writer, int contextLength) {
    ChatTokens chat = ChatTokens.of(ChatTemplate.builtIn("chatml").orElseThrow(), TOKENIZER);
    return new Talk(TalkPrompts.chat(chat, contextLength), writer, OPTIONS);
  }

  private static Talk plain(ScriptedWriter writer) {
    return new Talk(
        TalkPrompts.plain(TOKENIZER, DocumentTokens.of(TOKENIZER), 100), writer, OPTIONS);
  }

  private Answer ask(Talk talk, String text) {
    return talk.ask(text, shown::append, () -> false);
  }

  private static String turn(String role, String text) {
    return "<|im_start|>%s\n%s<|im_end|>\n".formatted(role, text);
  }

  @Test
  void theModelSeesTheSystemMessageAndAllTurns() {
    var writer = new ScriptedWriter(TOKENIZER, "Hello you.", "Fine.");
    Talk talk = chat(writer, 1000);
    talk.setSystem(Optional.of("Be brief."));

    assertThat(ask(talk, "Hi"))
        .isEqualTo(new Answer("Hello you.", Optional.of(FinishReason.STOP), 0));
    ask(talk, "How are you?");

    assertThat(shown).hasToString("Hello you.Fine.");
    assertThat(writer.prompts)
        .last()
        .isEqualTo(
            turn("system", "Be brief.")
                + turn("user", "Hi")
                + turn("assistant", "Hello you.")
                + turn("user", "How are you?")
                + "<|im_start|>assistant\n");
    // Bytes have no token for the end of a turn: its text ends an answer.
    assertThat(writer.options.get(0).stopStrings()).containsExactly("<|im_end|>");
  }

  @Test
  void theOldestExchangesAreLeftOutWhenTheContextIsFull() {
    var writer = new ScriptedWriter(TOKENIZER, "one", "two", "three", "four");
    Talk talk = chat(writer, 230);
    talk.setSystem(Optional.of("S"));
    assertThat(ask(talk, "first").forgotten()).isZero();
    assertThat(ask(talk, "second").forgotten()).isZero();

    // 230 tokens less 50 for the answer.
    Answer third = ask(talk, "third");
    assertThat(third.forgotten()).isEqualTo(2);
    assertThat(writer.prompts)
        .last()
        .isEqualTo(
            turn("system", "S")
                + turn("user", "second")
                + turn("assistant", "two")
                + turn("user", "third")
                + "<|im_start|>assistant\n");
    assertThat(writer.prompts.get(2).length()).isLessThanOrEqualTo(180);
    // Nothing is lost.
    assertThat(talk.messages()).hasSize(6);
    assertThat(ask(talk, "fourth").forgotten()).isEqualTo(4);
  }

  @Test
  void aMessageThatDoesNotFitIsRefused() {
    Talk talk = chat(new ScriptedWriter(TOKENIZER), 60);
    assertThatThrownBy(() -> ask(talk, "x".repeat(60)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "a message must have fewer than the 60 tokens of the model's context, with its template and the system message, got 110: shorten it");
    assertThat(talk.messages()).isEmpty();
    assertThatThrownBy(() -> ask(talk, " "))
        .hasMessage("a message must have text, got none: type something");
  }

  @Test
  void aRetryTakesThePlaceOfTheAnswerWithAnotherSeed() {
    var writer = new ScriptedWriter(TOKENIZER, "One.", "Two.", "", "Three.");
    Talk talk = chat(writer, 1000);
    assertThatThrownBy(() -> talk.retry(shown::append, () -> false))
        .hasMessage("there must be an answer to retry, got none yet: say something");
    ask(talk, "Hi");

    talk.retry(shown::append, () -> false);
    assertThat(talk.messages()).containsExactly(Message.user("Hi"), Message.assistant("Two."));
    assertThat(writer.prompts.get(1)).isEqualTo(writer.prompts.get(0));

    // An empty answer replaces nothing.
    assertThat(talk.retry(shown::append, () -> false).isEmpty()).isTrue();
    assertThat(talk.messages()).containsExactly(Message.user("Hi"), Message.assistant("Two."));
    talk.retry(shown::append, () -> false);
    assertThat(writer.options).extracting(GenerationOptions::seed).containsExactly(7L, 8L, 9L, 10L);
  }

  @Test
  void whatWasSaidBeforeAStopIsTheAnswer() {
    Talk talk = chat(new ScriptedWriter(TOKENIZER, "one two three", "one", "two"), 1000);
    Answer answer = talk.ask("Count", shown::append, () -> shown.length() >= 8);
    assertThat(answer).isEqualTo(new Answer("one two ", Optional.empty(), 0));
    assertThat(talk.messages()).last().isEqualTo(Message.assistant("one two "));

    // Nothing was said: as if nothing had been asked.
    assertThat(talk.ask("Count", shown::append, () -> true).isEmpty()).isTrue();
    assertThat(talk.messages()).hasSize(2);
    // It is asked again, and takes the place of nothing.
    talk.retry(shown::append, () -> false);
    assertThat(talk.messages()).hasSize(4);
  }

  @Test
  void aModelThatFailsLeavesTheConversation() {
    Talk talk = chat(new ScriptedWriter(TOKENIZER, "one"), 1000);
    ask(talk, "Hi");
    assertThatThrownBy(() -> talk.retry(shown::append, () -> false))
        .isInstanceOf(java.util.NoSuchElementException.class);
    assertThat(talk.messages()).containsExactly(Message.user("Hi"), Message.assistant("one"));
  }

  @Test
  void recordsAreThoseThatFineTuningReads() {
    Talk talk = chat(new ScriptedWriter(TOKENIZER, "Hello \"you\""), 1000);
    assertThatThrownBy(talk::records)
        .hasMessage("there must be an answer to save, got none yet: say something first");
    talk.setSystem(Optional.of("Be kind."));
    ask(talk, "Hi\nthere");
    assertThat(talk.records())
        .containsExactly(
            "{\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},{\"role\":\"user\",\"content\":\"Hi\\nthere\"},{\"role\":\"assistant\",\"content\":\"Hello \\\"you\\\"\"}]}");
    talk.reset();
    assertThat(talk.messages()).isEmpty();
    assertThat(talk.system()).contains("Be kind.");
  }

  @Test
  void aBaseModelContinuesEachTextOnItsOwn() {
    var writer = new ScriptedWriter(TOKENIZER, " upon a time", " end");
    Talk talk = plain(writer);
    ask(talk, "Once");
    ask(talk, "The");
    assertThat(writer.prompts).containsExactly("Once", "The");
    assertThat(writer.options.get(0).stopStrings()).isEmpty();
    assertThat(talk.records())
        .containsExactly(
            "{\"prompt\":\"Once\",\"completion\":\" upon a time\"}",
            "{\"prompt\":\"The\",\"completion\":\" end\"}");
    assertThatThrownBy(() -> talk.setSystem(Optional.of("Be kind.")))
        .hasMessage(
            "a system message needs a model with a chat template, and this one has none: give it a template (--template chatml), or put the instructions into the prompt");
  }
}

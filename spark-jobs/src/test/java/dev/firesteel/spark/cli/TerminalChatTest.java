package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.Message;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.talk.AnswerWriter;
import dev.firesteel.talk.Talk;
import dev.firesteel.talk.TalkPrompts;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jline.terminal.Terminal;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.impl.ExternalTerminal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A terminal that JLine makes of two streams. */
@Timeout(60)
class TerminalChatTest {
  private static final String CTRL_A = "\u0001";
  private static final String CTRL_C = "\u0003";
  private static final byte CTRL_D = 4;
  private static final String UP = "\u001b[A";

  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private Terminal terminal;

  private final AnswerWriter echo =
      (prompt, options, text) -> {
        for (String word : List.of("one ", "two ", "three")) {
          text.accept(word);
        }
        return new Completion("one two three", List.of(1), FinishReason.STOP);
      };

  private Talk talk(AnswerWriter writer) {
    ChatTokens chat =
        ChatTokens.of(ChatTemplate.builtIn("chatml").orElseThrow(), BpeTokenizer.bytes());
    return new Talk(
        TalkPrompts.chat(chat, 2000), writer, GenerationOptions.builder().temperature(1).build());
  }

  /** Keys, each group pressed when a prompt waits for it; Ctrl-D at the end. */
  private final class Keys extends InputStream {
    private final List<String> groups;
    private final byte[] end = {CTRL_D};
    private byte[] pressed = {};
    private int at;
    private int prompts;

    Keys(String... groups) {
      this.groups = new ArrayList<>(List.of(groups));
    }

    @Override
    public int read() throws IOException {
      if (at == pressed.length) {
        awaitPrompt();
        pressed = groups.isEmpty() ? end : groups.remove(0).getBytes(StandardCharsets.UTF_8);
        at = 0;
      }
      return pressed[at++] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      into[offset] = (byte) read();
      return 1;
    }

    private void awaitPrompt() throws IOException {
      prompts++;
      while (shown().split("> ", -1).length <= prompts) {
        try {
          Thread.sleep(5);
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
      }
    }
  }

  private String shown() {
    return out.toString(StandardCharsets.UTF_8);
  }

  /** Talks with what is typed, and returns what the terminal shows. */
  private String run(Talk talk, String type, String... typed) throws IOException {
    out.reset();
    try (Terminal made =
        new ExternalTerminal("test", type, new Keys(typed), out, StandardCharsets.UTF_8)) {
      terminal = made;
      TerminalChat.of(made, Optional.of(folder.resolve("history"))).run(talk, "runs/chat");
    }
    return shown();
  }

  @Test
  void aDumbTerminalGetsNoEscapeCodes() throws IOException {
    Talk talk = talk(echo);
    String shown = run(talk, "dumb", "Hi\r", "Und dü?\r", "/quit\r");
    assertThat(talk.messages())
        .containsExactly(
            Message.user("Hi"),
            Message.assistant("one two three"),
            Message.user("Und dü?"),
            Message.assistant("one two three"));
    assertThat(shown)
        .contains("Talking to runs/chat. /help shows the commands.", "one two three")
        .doesNotContain("\u001b");
  }

  @Test
  void linesAreEditedContinuedAndRemembered() throws IOException {
    Talk talk = talk(echo);
    run(talk, "ansi", "i!" + CTRL_A + "H\r", "first\\\rsecond\r", UP + "?\r", "a\\b !x 'y\r");
    assertThat(talk.messages().stream().filter(message -> !message.isAnswer()))
        .extracting(Message::content)
        .containsExactly("Hi!", "first\nsecond", "first\nsecond?", "a\\b !x 'y");
    assertThat(Files.readString(folder.resolve("history"))).contains("Hi!");

    // Another start has the history.
    Talk later = talk(echo);
    run(later, "ansi", UP + "\r");
    assertThat(later.messages()).first().isEqualTo(Message.user("a\\b !x 'y"));
  }

  @Test
  void ctrlCStopsTheAnswerAndNotTheProgram() throws IOException {
    Talk talk =
        talk(
            (prompt, options, text) -> {
              text.accept("one ");
              terminal.raise(Signal.INT);
              text.accept("two ");
              throw new AssertionError("not stopped");
            });
    String shown = run(talk, "dumb", "Count\r", "/help\r");
    assertThat(talk.messages()).last().isEqualTo(Message.assistant("one "));
    assertThat(shown).contains("stopped", "/retry");
  }

  @Test
  void ctrlCAtThePromptDoesNotEndTheProgram() throws IOException {
    Talk talk = talk(echo);
    String shown = run(talk, "dumb", CTRL_C, "Hi\r");
    assertThat(talk.messages()).first().isEqualTo(Message.user("Hi"));
    assertThat(shown).contains("Ctrl-D or /quit ends.");
  }

  @Test
  void aMistakeIsSaidAndTheChatContinues() throws IOException {
    Talk talk = talk(echo);
    String shown = run(talk, "dumb", "/set heat 1\r", "Hi\r");
    assertThat(shown).contains("a setting must be one of temperature, ");
    assertThat(talk.messages()).hasSize(2);
  }
}

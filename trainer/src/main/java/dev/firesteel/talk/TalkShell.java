package dev.firesteel.talk;

import dev.firesteel.error.UserException;
import dev.firesteel.files.LineFile;
import dev.firesteel.generate.FinishReason;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What a user types: messages for the model, and commands, which begin with {@code /}. A message
 * that begins with a slash is typed with two.
 */
public final class TalkShell {
  /** The commands, for help and completion. */
  public static final List<String> COMMANDS =
      List.of("/help", "/system", "/reset", "/retry", "/set", "/save", "/quit");

  /** At the end of a line: the message continues on the next. */
  public static final String CONTINUED = "\\";

  private static final String OFF = "off";

  private final Talk talk;
  private final TalkScreen screen;
  private final AtomicBoolean stop = new AtomicBoolean();
  private int forgotten;

  /** A shell for a conversation. */
  public TalkShell(Talk talk, TalkScreen screen) {
    this.talk = talk;
    this.screen = screen;
  }

  /** The line that a user reads first. */
  public static String greeting(Talk talk, String model) {
    return (talk.isChat()
            ? "Talking to %s. /help shows the commands."
            : "%s has no chat template, so it is a base model: it continues each text that you type, and does not see those before. /help shows the commands.")
        .formatted(visible(model));
  }

  /** Ends the answer that is being written, soon; called from another thread. */
  public void stop() {
    stop.set(true);
  }

  /**
   * Takes one message or command.
   *
   * @return false if the user wants to end
   * @throws UserException if it is a mistake; the conversation is as before
   */
  public boolean accept(String typed) {
    stop.set(false);
    String line = typed.strip();
    if (!line.startsWith("/") || line.startsWith("//")) {
      if (!line.isEmpty()) {
        String text = talk.isChat() ? line : typed;
        ended(
            talk.ask(
                line.startsWith("//") ? text.replaceFirst("/", "") : text, this::show, stop::get));
      }
      return true;
    }
    int space = firstSpace(line);
    String command = line.substring(0, space).toLowerCase(Locale.ROOT);
    String argument = line.substring(space).strip();
    switch (command) {
      case "/help" -> help();
      case "/system" -> system(argument);
      case "/reset" -> reset();
      case "/retry" -> retry();
      case "/set" -> set(argument);
      case "/save" -> save(argument);
      case "/quit" -> {
        return false;
      }
      default ->
          throw UserException.usage(
              "a command must be one of %s, got %s: correct it, or type // for a message that begins with a slash"
                  .formatted(String.join(", ", COMMANDS), command));
    }
    return true;
  }

  private static int firstSpace(String line) {
    int space = 0;
    while (space < line.length() && !Character.isWhitespace(line.charAt(space))) {
      space++;
    }
    return space;
  }

  private void help() {
    List.of(
            "/system TEXT       sets the system message; alone shows it; /system off removes it",
            "/reset             begins a new conversation; the system message stays",
            "/retry             asks the last question again, for another answer",
            "/set NAME VALUE    changes how answers are sampled; alone shows all settings",
            "/save FILE         adds the conversation to a JSONL file, as sft reads it",
            "/quit              ends; so does Ctrl-D",
            "Ctrl-C stops an answer. A backslash at the end of a line continues the message on the next.")
        .forEach(screen::note);
  }

  private void system(String text) {
    if (text.isEmpty()) {
      screen.note(
          talk.system().map(now -> "system: " + visible(now)).orElse("there is no system message"));
      return;
    }
    talk.setSystem(text.equals(OFF) ? Optional.empty() : Optional.of(text));
    screen.note(text.equals(OFF) ? "the system message is removed" : "the system message is set");
  }

  private void reset() {
    talk.reset();
    forgotten = 0;
    screen.note("a new conversation");
  }

  private void retry() {
    if (talk.options().temperature() == 0) {
      screen.note(
          "temperature is 0, so the answer is the same again; /set temperature 0.8 gives others");
    }
    ended(talk.retry(this::show, stop::get));
  }

  private void set(String argument) {
    if (argument.isEmpty()) {
      for (SamplingSetting setting : SamplingSetting.values()) {
        screen.note(
            "%-18s  %-6s  %s"
                .formatted(
                    setting.label(), visible(setting.value(talk.options())), setting.meaning()));
      }
      return;
    }
    int space = firstSpace(argument);
    SamplingSetting setting = SamplingSetting.of(argument.substring(0, space));
    String value = argument.substring(space).strip();
    if (value.isEmpty()) {
      screen.note(setting.label() + " is " + visible(setting.value(talk.options())));
      return;
    }
    talk.setOptions(setting.set(talk.options(), value));
    screen.note(setting.label() + " is now " + visible(setting.value(talk.options())));
  }

  private void save(String name) {
    if (name.isEmpty()) {
      throw UserException.usage("/save needs the name of a file, got none: /save talk.jsonl");
    }
    Path file;
    try {
      file = Path.of(name);
    } catch (InvalidPathException e) {
      throw UserException.usage(
          "/save needs the name of a file, got %s: choose another".formatted(name), e);
    }
    LineFile.append(file, talk.records());
    screen.note("saved to " + visible(name));
  }

  private void show(String text) {
    screen.answer(visible(text));
  }

  private void ended(Answer answer) {
    screen.answerEnded();
    if (answer.isEmpty()) {
      screen.note(
          answer.finishReason().isEmpty()
              ? "stopped before the first word; the message is left out of the conversation"
              : "the model said nothing; the message is left out of the conversation");
      return;
    }
    Optional<FinishReason> reason = answer.finishReason();
    if (reason.isEmpty()) {
      screen.note("stopped");
    } else if (reason.get() == FinishReason.LENGTH) {
      screen.note(
          "the answer has reached max_tokens, %d; /set max_tokens %d allows more"
              .formatted(talk.options().maxTokens(), 2L * talk.options().maxTokens()));
    } else if (reason.get() == FinishReason.CONTEXT) {
      screen.note("the answer ended because the model's context is full");
    }
    if (answer.forgotten() > forgotten) {
      screen.note(
          "the context is full: the model no longer sees the first %d messages of the conversation"
              .formatted(answer.forgotten()));
    }
    forgotten = answer.forgotten();
  }

  /** Text that cannot steer a terminal: control characters but line ends and tabs are escaped. */
  static String visible(String text) {
    StringBuilder visible = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              if (Character.isISOControl(c) && c != '\n' && c != '\t') {
                visible.append("\\u%04x".formatted(c));
              } else {
                visible.appendCodePoint(c);
              }
            });
    return visible.toString();
  }
}

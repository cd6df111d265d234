package dev.firesteel.spark.cli;

import dev.firesteel.error.UserException;
import dev.firesteel.talk.Talk;
import dev.firesteel.talk.TalkScreen;
import dev.firesteel.talk.TalkShell;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import org.jline.reader.EOFError;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Terminal;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.Terminal.SignalHandler;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.AttributedString;
import org.jline.utils.AttributedStyle;

/**
 * A conversation in a terminal: line editing, history, Ctrl-C for the answer and Ctrl-D for the
 * end.
 */
final class TerminalChat implements TalkScreen {
  private static final String PROMPT = "> ";
  private static final String CONTINUATION = "… ";

  private final Terminal terminal;
  private final LineReader reader;

  private TerminalChat(Terminal terminal, LineReader reader) {
    this.terminal = terminal;
    this.reader = reader;
  }

  /** The terminal of this process; empty if its input or output is not one. */
  static Optional<Terminal> systemTerminal() {
    // Set by the launcher where standard output is a terminal; JLine looks at the input.
    if (!Boolean.getBoolean("firesteel.terminal")) {
      return Optional.empty();
    }
    try {
      Terminal terminal =
          TerminalBuilder.builder()
              .system(true)
              .dumb(false)
              .jansi(false)
              .jna(false)
              .encoding(StandardCharsets.UTF_8)
              .nativeSignals(true)
              // The default ends the process, for instance when the window changes.
              .signalHandler(SignalHandler.SIG_IGN)
              .build();
      // Ctrl-Z is the shell's.
      terminal.handle(Signal.TSTP, SignalHandler.SIG_DFL);
      return Optional.of(terminal);
    } catch (IOException | IllegalStateException e) {
      return Optional.empty();
    }
  }

  /**
   * The file of what was typed, in a folder that only its owner reads; empty if there is no such
   * folder and none can be made.
   */
  static Optional<Path> historyFile() {
    Path folder = Path.of(System.getProperty("user.home"), ".firesteel");
    try {
      if (!Files.isDirectory(folder)) {
        if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
          Set<PosixFilePermission> owner = PosixFilePermissions.fromString("rwx------");
          Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(owner));
        } else {
          Files.createDirectories(folder);
        }
      }
      return Files.isWritable(folder)
          ? Optional.of(folder.resolve("chat-history"))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** A chat in a terminal. */
  static TerminalChat of(Terminal terminal, Optional<Path> historyFile) {
    LineReaderBuilder builder =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .appName("firesteel")
            .parser(new ContinuedLines())
            .completer(new StringsCompleter(TalkShell.COMMANDS))
            .variable(LineReader.SECONDARY_PROMPT_PATTERN, CONTINUATION)
            // An exclamation mark is one.
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            // A tab in a message is no question for commands.
            .option(LineReader.Option.INSERT_TAB, true);
    historyFile.ifPresent(file -> builder.variable(LineReader.HISTORY_FILE, file));
    return new TerminalChat(terminal, builder.build());
  }

  /** Talks until the user ends. */
  void run(Talk talk, String model) {
    note(TalkShell.greeting(talk, model));
    TalkShell shell = new TalkShell(talk, this);
    while (true) {
      String typed;
      try {
        typed = reader.readLine(PROMPT);
      } catch (UserInterruptException e) {
        if (e.getPartialLine().isEmpty()) {
          note("Ctrl-D or /quit ends.");
        }
        continue;
      } catch (EndOfFileException e) {
        return;
      }
      SignalHandler before = terminal.handle(Signal.INT, signal -> shell.stop());
      try {
        if (!shell.accept(typed.replace(TalkShell.CONTINUED + "\n", "\n"))) {
          return;
        }
      } catch (UserException e) {
        note(e.getMessage());
      } finally {
        terminal.handle(Signal.INT, before);
      }
    }
  }

  @Override
  public void answer(String text) {
    terminal.writer().print(text);
    terminal.flush();
  }

  @Override
  public void answerEnded() {
    terminal.writer().println();
    terminal.flush();
  }

  @Override
  public void note(String line) {
    PrintWriter writer = terminal.writer();
    writer.println(new AttributedString(line, AttributedStyle.DEFAULT.faint()).toAnsi(terminal));
    writer.flush();
  }

  /** A line that ends with a backslash is continued on the next; nothing else is special. */
  private static final class ContinuedLines extends DefaultParser {
    ContinuedLines() {
      setQuoteChars(new char[0]);
      setEscapeChars(new char[0]);
    }

    @Override
    public ParsedLine parse(String line, int cursor, ParseContext context) {
      if (context == ParseContext.ACCEPT_LINE && line.endsWith(TalkShell.CONTINUED)) {
        throw new EOFError(-1, -1, "the line is continued");
      }
      return super.parse(line, cursor, context);
    }
  }
}

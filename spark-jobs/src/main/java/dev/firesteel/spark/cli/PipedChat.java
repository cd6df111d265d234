package dev.firesteel.spark.cli;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.talk.Talk;
import dev.firesteel.talk.TalkScreen;
import dev.firesteel.talk.TalkShell;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * A conversation without a terminal: each line is a message or a command, answers go to the output,
 * notes to the other. A mistake ends it, since nobody is there to correct it.
 */
final class PipedChat implements TalkScreen {
  private final BufferedReader in;
  private final PrintWriter out;
  private final PrintWriter notes;

  PipedChat(InputStream in, PrintWriter out, PrintWriter notes) {
    this.in =
        new BufferedReader(
            new InputStreamReader(
                in,
                StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)));
    this.out = out;
    this.notes = notes;
  }

  /** Talks until the input ends. */
  void run(Talk talk, String model) {
    if (!talk.isChat()) {
      note(TalkShell.greeting(talk, model));
    }
    TalkShell shell = new TalkShell(talk, this);
    try {
      for (String line = next(); line != null; line = next()) {
        if (!shell.accept(line)) {
          return;
        }
      }
    } catch (CharacterCodingException e) {
      throw UserException.usage("standard input must be text in UTF-8, and is not: convert it", e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading standard input", e);
    }
  }

  /** A line with those that continue it; null at the end. */
  private String next() throws IOException {
    StringBuilder whole = new StringBuilder();
    String line = in.readLine();
    if (line == null) {
      return null;
    }
    while (line != null && line.endsWith(TalkShell.CONTINUED)) {
      whole.append(line, 0, line.length() - 1).append('\n');
      line = in.readLine();
    }
    return whole.append(line == null ? "" : line).toString();
  }

  @Override
  public void answer(String text) {
    out.print(text);
    out.flush();
  }

  @Override
  public void answerEnded() {
    out.println();
  }

  @Override
  public void note(String line) {
    notes.println(line);
  }
}

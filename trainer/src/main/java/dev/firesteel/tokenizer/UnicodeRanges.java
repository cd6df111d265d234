package dev.firesteel.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.function.BiConsumer;

/**
 * Reads the built-in tables of code points: lines of ranges in hexadecimal ({@code 41-5a aa}) under
 * a {@code [section]}; lines that begin with {@code #} are comments.
 */
final class UnicodeRanges {
  /** Receives one range, both ends included. */
  interface Sink {
    void range(int first, int last);
  }

  private UnicodeRanges() {}

  /** Gives each entry of a table, the text between two spaces, with its section. */
  static void entries(String resource, BiConsumer<String, String> sink) {
    String text;
    try (InputStream in = UnicodeRanges.class.getResourceAsStream(resource)) {
      text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + resource, e);
    }
    String section = "";
    for (String line : text.lines().toList()) {
      if (line.startsWith("[")) {
        section = line.substring(1, line.length() - 1);
      } else if (!line.startsWith("#")) {
        for (String entry : line.split(" ", -1)) {
          sink.accept(section, entry);
        }
      }
    }
  }

  /** The code points of one section of a table. */
  static BitSet section(String resource, String section) {
    BitSet codePoints = new BitSet();
    entries(
        resource,
        (name, entry) -> {
          if (name.equals(section)) {
            parse(entry, (first, last) -> codePoints.set(first, last + 1));
          }
        });
    return codePoints;
  }

  /** Parses {@code 41-5a} or {@code aa}. */
  static void parse(String range, Sink sink) {
    int dash = range.indexOf('-');
    int first = Integer.parseInt(dash < 0 ? range : range.substring(0, dash), 16);
    sink.range(first, dash < 0 ? first : Integer.parseInt(range.substring(dash + 1), 16));
  }
}

package dev.firesteel.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Python's {@code str.split} and {@code str.splitlines}. */
final class Splitting {
  private Splitting() {}

  /**
   * The parts of a text.
   *
   * @param separator null for runs of white space
   * @param most splits, from the right if asked; all if negative
   */
  static List<Object> split(Text text, String separator, long most, boolean fromRight) {
    long left = most < 0 ? Long.MAX_VALUE : most;
    List<Object> parts = new ArrayList<>();
    if (separator == null) {
      return fromRight ? wordsFromRight(text, left) : words(text, left);
    }
    String characters = text.characters();
    if (fromRight) {
      int end = text.length();
      for (int at = characters.lastIndexOf(separator); at >= 0 && left > 0; left--) {
        parts.add(text.part(at + separator.length(), end));
        end = at;
        at =
            at < separator.length()
                ? -1
                : characters.lastIndexOf(separator, at - separator.length());
      }
      parts.add(text.part(0, end));
      Collections.reverse(parts);
      return parts;
    }
    int start = 0;
    for (int at = characters.indexOf(separator); at >= 0 && left > 0; left--) {
      parts.add(text.part(start, at));
      start = at + separator.length();
      at = characters.indexOf(separator, start);
    }
    parts.add(text.part(start, text.length()));
    return parts;
  }

  private static List<Object> words(Text text, long most) {
    List<Object> parts = new ArrayList<>();
    Text rest = text.strip(null, true, false);
    long left = most;
    while (rest.length() > 0) {
      int end = 0;
      while (end < rest.length() && (left == 0 || !Text.isSpace(rest.characters().charAt(end)))) {
        end++;
      }
      parts.add(rest.part(0, end));
      rest = rest.part(end, rest.length()).strip(null, true, false);
      left--;
    }
    return parts;
  }

  private static List<Object> wordsFromRight(Text text, long most) {
    List<Object> parts = new ArrayList<>();
    Text rest = text.strip(null, false, true);
    long left = most;
    while (rest.length() > 0) {
      int start = rest.length();
      while (start > 0 && (left == 0 || !Text.isSpace(rest.characters().charAt(start - 1)))) {
        start--;
      }
      parts.add(rest.part(start, rest.length()));
      rest = rest.part(0, start).strip(null, false, true);
      left--;
    }
    Collections.reverse(parts);
    return parts;
  }

  static List<Object> lines(Text text) {
    List<Object> lines = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < text.length(); i++) {
      char character = text.characters().charAt(i);
      if (character == '\n' || character == '\r') {
        lines.add(text.part(start, i));
        if (character == '\r' && i + 1 < text.length() && text.characters().charAt(i + 1) == '\n') {
          i++;
        }
        start = i + 1;
      }
    }
    if (start < text.length()) {
      lines.add(text.part(start, text.length()));
    }
    return lines;
  }
}

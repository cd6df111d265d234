package dev.firesteel.jinja;

import java.util.Arrays;

/**
 * A string that knows which of its characters come from outside the template. Parts of a text and
 * texts put together keep that, so a caller can tell a special token that the template wrote from
 * one that somebody typed. Equality is that of the characters.
 */
final class Text implements Comparable<Text> {
  static final Text EMPTY = new Text("", null);

  private final String characters;

  /** Whether each character is from outside; null if none is. */
  private final boolean[] foreign;

  private Text(String characters, boolean[] foreign) {
    this.characters = characters;
    this.foreign = foreign;
  }

  /** What the template wrote, or computed. */
  static Text own(String characters) {
    return new Text(characters, null);
  }

  /** What came from outside. */
  static Text foreign(String characters) {
    return like(characters, true);
  }

  private static Text like(String characters, boolean foreign) {
    if (!foreign || characters.isEmpty()) {
      return new Text(characters, null);
    }
    boolean[] all = new boolean[characters.length()];
    Arrays.fill(all, true);
    return new Text(characters, all);
  }

  String characters() {
    return characters;
  }

  int length() {
    return characters.length();
  }

  boolean isForeign(int at) {
    return foreign != null && foreign[at];
  }

  boolean isForeign() {
    if (foreign != null) {
      for (boolean one : foreign) {
        if (one) {
          return true;
        }
      }
    }
    return false;
  }

  /** Characters of this text in another form: from outside as a whole if any of this one is. */
  Text rewritten(String other) {
    return other.equals(characters) ? this : like(other, isForeign());
  }

  Text part(int start, int end) {
    return start == 0 && end == length()
        ? this
        : new Text(
            characters.substring(start, end),
            foreign == null ? null : Arrays.copyOfRange(foreign, start, end));
  }

  Text plus(Text other) {
    if (foreign == null && other.foreign == null) {
      return own(characters + other.characters);
    }
    boolean[] both = Arrays.copyOf(flags(), length() + other.length());
    System.arraycopy(other.flags(), 0, both, length(), other.length());
    return new Text(characters + other.characters, both);
  }

  private boolean[] flags() {
    return foreign == null ? new boolean[length()] : foreign;
  }

  /** Every occurrence of a text replaced, at most {@code limit} of them; all if it is negative. */
  Text replace(Text from, Text to, long limit) {
    Builder built = new Builder();
    int start = 0;
    long left = limit < 0 ? Long.MAX_VALUE : limit;
    if (from.length() == 0) {
      for (int i = 0; i <= length() && left > 0; i++, left--) {
        built.add(part(start, i)).add(to);
        start = i;
      }
    } else {
      for (int at = characters.indexOf(from.characters);
          at >= 0 && left > 0;
          at = characters.indexOf(from.characters, start), left--) {
        built.add(part(start, at)).add(to);
        start = at + from.length();
      }
    }
    return built.add(part(start, length())).text();
  }

  /** Without the characters of a set at its ends; {@code null} is Python's white space. */
  Text strip(String set, boolean left, boolean right) {
    int start = 0;
    int end = length();
    while (left && start < end && in(set, characters.charAt(start))) {
      start++;
    }
    while (right && start < end && in(set, characters.charAt(end - 1))) {
      end--;
    }
    return part(start, end);
  }

  private static boolean in(String set, char character) {
    return set == null ? isSpace(character) : set.indexOf(character) >= 0;
  }

  /** What Python's {@code str.isspace} says. */
  static boolean isSpace(char character) {
    return (character >= 9 && character <= 13)
        || (character >= 28 && character <= 31)
        || character == 0x85
        || Character.isSpaceChar(character);
  }

  @Override
  public int compareTo(Text other) {
    return characters.compareTo(other.characters);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Text text && text.characters.equals(characters);
  }

  @Override
  public int hashCode() {
    return characters.hashCode();
  }

  @Override
  public String toString() {
    return characters;
  }

  /** Puts texts together. */
  static final class Builder {
    private final StringBuilder characters = new StringBuilder();
    private boolean[] foreign = new boolean[16];
    private boolean any;

    Builder add(Text text) {
      int start = characters.length();
      characters.append(text.characters);
      if (characters.length() > foreign.length) {
        foreign = Arrays.copyOf(foreign, Math.max(characters.length(), 2 * foreign.length));
      }
      if (text.foreign != null) {
        any = true;
        System.arraycopy(text.foreign, 0, foreign, start, text.length());
      }
      return this;
    }

    int length() {
      return characters.length();
    }

    Text text() {
      return new Text(
          characters.toString(), any ? Arrays.copyOf(foreign, characters.length()) : null);
    }
  }
}

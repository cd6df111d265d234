package dev.firesteel.nn;

import dev.firesteel.error.UserException;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Dotted names of parameters or modules by patterns such as {@code *.attention.qkv} or {@code
 * blocks.0.*}: {@code *} stands for any characters, dots included, every other character for
 * itself. The whole name must match.
 */
public final class NamePattern implements Predicate<String> {
  private final String text;
  private final Pattern regex;

  private NamePattern(String text) {
    this.text = text;
    regex =
        Pattern.compile(
            Arrays.stream(text.split("\\*", -1))
                .map(Pattern::quote)
                .collect(Collectors.joining(".*")));
  }

  /**
   * A pattern.
   *
   * @throws UserException when it is empty
   */
  public static NamePattern of(String text) {
    if (text.isEmpty()) {
      throw UserException.usage("a pattern of names must not be empty: write * for all names");
    }
    return new NamePattern(text);
  }

  /** Several patterns. */
  public static List<NamePattern> all(String... texts) {
    return Arrays.stream(texts).map(NamePattern::of).toList();
  }

  @Override
  public boolean test(String name) {
    return regex.matcher(name).matches();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof NamePattern pattern && text.equals(pattern.text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  @Override
  public String toString() {
    return text;
  }
}

package dev.firesteel.jinja;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's two ways of putting values into a text. */
final class Formats {
  private static final Pattern PERCENT =
      Pattern.compile("%(-?)(0?)(\\d*)(?:\\.(\\d+))?([a-zA-Z%])");
  private static final Pattern BRACES = Pattern.compile("\\{\\{|\\}\\}|\\{(\\w*)\\}|[{}]");

  private Formats() {}

  /** {@code '%s: %d' % (a, b)}. */
  static Text percent(Text format, Object values, Frame frame) {
    List<Object> all = values instanceof Tuple tuple ? tuple : List.of(values);
    Matcher matcher = PERCENT.matcher(format.characters());
    Text.Builder built = new Text.Builder();
    int done = 0;
    int next = 0;
    while (matcher.find()) {
      built.add(format.part(done, matcher.start()));
      done = matcher.end();
      if (matcher.group(5).equals("%")) {
        built.add(Text.own("%"));
        continue;
      }
      if (next == all.size()) {
        throw new JinjaException(0, "not enough values for the format " + format);
      }
      int digits = matcher.group(4) == null ? 6 : Values.size(matcher.group(4));
      frame.sized(digits);
      Text one = converted(matcher, digits, all.get(next++));
      int width = matcher.group(3).isEmpty() ? 0 : Values.size(matcher.group(3));
      frame.sized(width);
      Text pad =
          Text.own(
              (matcher.group(2).isEmpty() ? " " : "0").repeat(Math.max(0, width - one.length())));
      built.add(matcher.group(1).isEmpty() ? pad.plus(one) : one.plus(pad));
    }
    if (next < all.size()) {
      throw new JinjaException(0, "too many values for the format " + format);
    }
    return built.add(format.part(done, format.length())).text();
  }

  private static Text converted(Matcher matcher, int digits, Object value) {
    return switch (matcher.group(5)) {
      case "s" -> Values.string(value);
      case "r" -> Values.repr(value, 0);
      case "d", "i" -> Text.own(Long.toString((long) Values.number(value)));
      case "f" -> Text.own(String.format(Locale.ROOT, "%." + digits + "f", Values.number(value)));
      case "x" -> Text.own(Long.toHexString(Values.integer(value)));
      default ->
          throw new JinjaException(
              0, "the format %%%s is not supported".formatted(matcher.group(5)));
    };
  }

  /** {@code '{}: {name}'.format(a, name=b)}, without format specifications. */
  static Text braces(Text format, Arguments arguments) {
    Matcher matcher = BRACES.matcher(format.characters());
    Text.Builder built = new Text.Builder();
    int done = 0;
    int next = 0;
    while (matcher.find()) {
      built.add(format.part(done, matcher.start()));
      done = matcher.end();
      String name = matcher.group(1);
      if (name == null && matcher.group().length() == 2) {
        built.add(Text.own(matcher.group().substring(1)));
        continue;
      }
      if (name == null) {
        throw new JinjaException(0, "the format %s is not supported".formatted(format));
      }
      boolean numbered = name.isEmpty() || Character.isDigit(name.charAt(0));
      int index = name.isEmpty() ? next++ : numbered ? Values.size(name) : 0;
      Object value =
          !numbered
              ? arguments.named().get(name)
              : index < arguments.positional().size() ? arguments.positional().get(index) : null;
      if (value == null) {
        throw new JinjaException(0, "no value for %s of the format".formatted(matcher.group()));
      }
      built.add(Values.string(value));
    }
    return built.add(format.part(done, format.length())).text();
  }
}

package dev.firesteel.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The methods of strings, mappings and lists that change nothing. */
final class Methods {
  private Methods() {}

  /** A method; null if there is none of that name. */
  static Callable of(Object value, String name) {
    if (value instanceof Text text) {
      return ofText(text, name);
    }
    if (value instanceof Map<?, ?> map) {
      return ofMap(map, name);
    }
    return value instanceof List<?> list ? ofList(list, name) : null;
  }

  private static Callable ofMap(Map<?, ?> map, String name) {
    return switch (name) {
      case "get" ->
          (frame, arguments) -> {
            Map<String, Object> given = arguments.bind(1, "key", "default");
            Object value = map.get(given.get("key"));
            return value != null ? value : given.getOrDefault("default", Values.NONE);
          };
      case "items" -> (frame, arguments) -> items(map);
      case "keys" -> (frame, arguments) -> new ArrayList<Object>(map.keySet());
      case "values" -> (frame, arguments) -> new ArrayList<Object>(map.values());
      default -> null;
    };
  }

  static List<Object> items(Map<?, ?> map) {
    List<Object> items = new ArrayList<>();
    map.forEach((key, value) -> items.add(new Tuple(List.of(key, value))));
    return items;
  }

  private static Callable ofList(List<?> list, String name) {
    return switch (name) {
      case "index" ->
          (frame, arguments) -> {
            Object wanted = arguments.bind(1, "value").get("value");
            for (int i = 0; i < list.size(); i++) {
              if (Values.equal(list.get(i), wanted)) {
                return (long) i;
              }
            }
            throw new JinjaException(0, "%s is not in the list".formatted(Values.string(wanted)));
          };
      case "count" ->
          (frame, arguments) -> {
            Object wanted = arguments.bind(1, "value").get("value");
            return list.stream().filter(each -> Values.equal(each, wanted)).count();
          };
      case "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse" ->
          (frame, arguments) -> {
            throw new JinjaException(0, "a template cannot change a list with %s".formatted(name));
          };
      default -> null;
    };
  }

  private static Callable ofText(Text text, String name) {
    return switch (name) {
      case "strip", "lstrip", "rstrip" ->
          (frame, arguments) ->
              text.strip(
                  characters(arguments.bind("chars").get("chars")),
                  !name.equals("rstrip"),
                  !name.equals("lstrip"));
      case "split", "rsplit" ->
          (frame, arguments) -> {
            Map<String, Object> given = arguments.bind("sep", "maxsplit");
            long most = given.containsKey("maxsplit") ? Values.integer(given.get("maxsplit")) : -1;
            String separator = characters(given.get("sep"));
            if (separator != null && separator.isEmpty()) {
              throw new JinjaException(0, "a string cannot be split at the empty string");
            }
            return Splitting.split(text, separator, most, name.equals("rsplit"));
          };
      case "splitlines" -> (frame, arguments) -> Splitting.lines(text);
      case "partition", "rpartition" ->
          (frame, arguments) -> {
            Text separator = Values.text(arguments.bind(1, "sep").get("sep"));
            int at =
                name.equals("partition")
                    ? text.characters().indexOf(separator.characters())
                    : text.characters().lastIndexOf(separator.characters());
            if (at < 0) {
              return new Tuple(
                  name.equals("partition")
                      ? List.of(text, Text.EMPTY, Text.EMPTY)
                      : List.of(Text.EMPTY, Text.EMPTY, text));
            }
            int end = at + separator.length();
            return new Tuple(List.of(text.part(0, at), separator, text.part(end, text.length())));
          };
      case "startswith", "endswith" ->
          (frame, arguments) -> {
            Object given = arguments.bind(1, "prefix").get("prefix");
            List<?> all = given instanceof Tuple tuple ? tuple : List.of(given);
            return all.stream()
                .map(each -> Values.text(each).characters())
                .anyMatch(
                    each ->
                        name.equals("startswith")
                            ? text.characters().startsWith(each)
                            : text.characters().endsWith(each));
          };
      case "removeprefix" ->
          (frame, arguments) -> {
            String prefix = characters(arguments.bind(1, "prefix").get("prefix"));
            return text.characters().startsWith(prefix)
                ? text.part(prefix.length(), text.length())
                : text;
          };
      case "removesuffix" ->
          (frame, arguments) -> {
            String suffix = characters(arguments.bind(1, "suffix").get("suffix"));
            return text.characters().endsWith(suffix)
                ? text.part(0, text.length() - suffix.length())
                : text;
          };
      case "replace" ->
          (frame, arguments) -> {
            Map<String, Object> given = arguments.bind(2, "old", "new", "count");
            Text to = Values.text(given.get("new"));
            frame.sized((text.length() + 1L) * Math.max(1, to.length()));
            return text.replace(
                Values.text(given.get("old")),
                to,
                given.containsKey("count") ? Values.integer(given.get("count")) : -1);
          };
      case "join" ->
          (frame, arguments) ->
              joined(
                  text, Values.elements(arguments.bind(1, "values").get("values")), frame, false);
      case "upper", "lower", "title", "capitalize" -> (frame, arguments) -> cased(text, name);
      case "find", "rfind", "index" ->
          (frame, arguments) -> {
            String wanted = characters(arguments.bind(1, "sub").get("sub"));
            int at =
                name.equals("rfind")
                    ? text.characters().lastIndexOf(wanted)
                    : text.characters().indexOf(wanted);
            if (at < 0 && name.equals("index")) {
              throw new JinjaException(0, "'%s' is not in the string".formatted(wanted));
            }
            return at < 0 ? -1L : (long) text.characters().codePointCount(0, at);
          };
      case "count" ->
          (frame, arguments) -> {
            Text wanted = Values.text(arguments.bind(1, "sub").get("sub"));
            return wanted.length() == 0
                ? Values.length(text) + 1
                : (long) Splitting.split(text, wanted.characters(), -1, false).size() - 1;
          };
      case "format" -> (frame, arguments) -> Formats.braces(text, arguments);
      case "isdigit" -> (frame, arguments) -> all(text, Character::isDigit);
      case "isalpha" -> (frame, arguments) -> all(text, Character::isLetter);
      case "isalnum" -> (frame, arguments) -> all(text, Character::isLetterOrDigit);
      case "isspace" -> (frame, arguments) -> all(text, c -> Text.isSpace((char) c));
      case "isupper" ->
          (frame, arguments) ->
              text.characters().chars().anyMatch(Character::isUpperCase)
                  && text.characters().chars().noneMatch(Character::isLowerCase);
      case "islower" ->
          (frame, arguments) ->
              text.characters().chars().anyMatch(Character::isLowerCase)
                  && text.characters().chars().noneMatch(Character::isUpperCase);
      default -> null;
    };
  }

  private static boolean all(Text text, java.util.function.IntPredicate property) {
    return text.length() > 0 && text.characters().codePoints().allMatch(property);
  }

  /** The characters of a string; null for none or nothing. */
  private static String characters(Object value) {
    return value == null || value == Values.NONE ? null : Values.text(value).characters();
  }

  /** Texts with another between them; other values are an error unless they are converted. */
  static Text joined(Text separator, List<Object> values, Frame frame, boolean converts) {
    Text.Builder built = new Text.Builder();
    for (int i = 0; i < values.size(); i++) {
      Object value = values.get(i);
      built.add(i > 0 ? separator : Text.EMPTY);
      built.add(converts ? Values.string(value) : Values.text(value));
      frame.sized(built.length());
    }
    return built.text();
  }

  static Text cased(Text text, String how) {
    String characters = text.characters();
    return text.rewritten(
        switch (how) {
          case "upper" -> characters.toUpperCase(Locale.ROOT);
          case "lower" -> characters.toLowerCase(Locale.ROOT);
          case "capitalize" ->
              characters.isEmpty()
                  ? characters
                  : characters.substring(0, 1).toUpperCase(Locale.ROOT)
                      + characters.substring(1).toLowerCase(Locale.ROOT);
          default -> titled(characters);
        });
  }

  private static String titled(String text) {
    StringBuilder titled = new StringBuilder();
    boolean inside = false;
    for (int point : text.codePoints().toArray()) {
      titled.appendCodePoint(inside ? Character.toLowerCase(point) : Character.toTitleCase(point));
      inside = Character.isLetter(point);
    }
    return titled.toString();
  }
}

package dev.firesteel.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What stands after {@code |}. */
final class Filters {
  /** A filter. */
  private interface Filter {
    Object apply(Frame frame, Object value, Arguments arguments);
  }

  private static final Map<String, Filter> ALL = new TreeMap<>();

  static {
    ALL.put(
        "trim",
        (frame, value, arguments) -> {
          Object set = arguments.bind("chars").get("chars");
          return Values.string(value)
              .strip(
                  set == null || set == Values.NONE ? null : Values.text(set).characters(),
                  true,
                  true);
        });
    for (String name : List.of("upper", "lower", "title", "capitalize")) {
      ALL.put(name, (frame, value, arguments) -> Methods.cased(Values.string(value), name));
    }
    ALL.put("string", (frame, value, arguments) -> Values.string(value));
    ALL.put("safe", (frame, value, arguments) -> Values.string(value));
    ALL.put("length", (frame, value, arguments) -> Values.length(value));
    ALL.put("count", (frame, value, arguments) -> Values.length(value));
    ALL.put("list", (frame, value, arguments) -> Values.elements(value));
    ALL.put(
        "items",
        (frame, value, arguments) ->
            value instanceof Undefined ? List.of() : Methods.items(Values.map(value)));
    ALL.put("first", (frame, value, arguments) -> at(value, 0));
    ALL.put("last", (frame, value, arguments) -> at(value, -1));
    ALL.put(
        "join",
        (frame, value, arguments) -> {
          Map<String, Object> given = arguments.bind("d", "attribute");
          List<Object> values = Values.elements(value);
          Object attribute = given.get("attribute");
          values =
              attribute == null
                  ? values
                  : values.stream().map(each -> path(each, attribute)).toList();
          return Methods.joined(
              Values.string(given.getOrDefault("d", Text.EMPTY)), values, frame, true);
        });
    ALL.put("default", Filters::orDefault);
    ALL.put("d", Filters::orDefault);
    ALL.put(
        "tojson",
        (frame, value, arguments) -> {
          if (value instanceof Undefined missing) {
            throw missing.used();
          }
          return JsonText.filter(
              value, arguments.bind("ensure_ascii", "indent", "separators", "sort_keys"));
        });
    ALL.put(
        "replace",
        (frame, value, arguments) ->
            Methods.of(Values.string(value), "replace").call(frame, arguments));
    ALL.put("int", (frame, value, arguments) -> number(value, arguments, false));
    ALL.put("float", (frame, value, arguments) -> number(value, arguments, true));
    ALL.put(
        "abs",
        (frame, value, arguments) ->
            value instanceof Double number
                ? (Object) Math.abs(number)
                : (Object) Math.abs(Values.integer(value)));
    ALL.put(
        "round",
        (frame, value, arguments) -> {
          double scale =
              Math.pow(
                  10, Values.number(arguments.bind("precision").getOrDefault("precision", 0L)));
          return Math.rint(Values.number(value) * scale) / scale;
        });
    ALL.put(
        "reverse",
        (frame, value, arguments) ->
            value instanceof Text
                ? Operators.slice(value, Values.NONE, Values.NONE, -1L)
                : reversed(Values.elements(value)));
    ALL.put("map", Filters::map);
    for (String name : List.of("select", "reject")) {
      ALL.put(
          name,
          (frame, value, arguments) -> selected(value, arguments, false, name.equals("select")));
      ALL.put(
          name + "attr",
          (frame, value, arguments) -> selected(value, arguments, true, name.equals("select")));
    }
    ALL.put(
        "sort",
        (frame, value, arguments) -> {
          Map<String, Object> given = arguments.bind("reverse", "case_sensitive", "attribute");
          return sorted(Values.elements(value), given.get("attribute"), given);
        });
    ALL.put(
        "dictsort",
        (frame, value, arguments) -> {
          Map<String, Object> given = arguments.bind("case_sensitive", "by", "reverse");
          boolean byValue =
              Values.equal(given.getOrDefault("by", Text.own("key")), Text.own("value"));
          return sorted(Methods.items(Values.map(value)), byValue ? 1L : 0L, given);
        });
    ALL.put(
        "unique",
        (frame, value, arguments) -> {
          Map<Object, Object> seen = new LinkedHashMap<>();
          Values.elements(value)
              .forEach(
                  each ->
                      seen.putIfAbsent(
                          each instanceof Text text ? Methods.cased(text, "lower") : each, each));
          return new ArrayList<>(seen.values());
        });
    ALL.put("min", (frame, value, arguments) -> extreme(value, arguments, -1));
    ALL.put("max", (frame, value, arguments) -> extreme(value, arguments, 1));
    ALL.put(
        "sum",
        (frame, value, arguments) -> {
          Object sum = 0L;
          for (Object each : Values.elements(value)) {
            sum = Operators.apply("+", sum, each, frame);
          }
          return sum;
        });
    ALL.put("indent", Filters::indent);
    ALL.put(
        "format",
        (frame, value, arguments) ->
            Formats.percent(Values.string(value), new Tuple(arguments.positional()), frame));
  }

  private Filters() {}

  static boolean has(String name) {
    return ALL.containsKey(name);
  }

  static Object apply(Frame frame, String name, Object value, Arguments arguments) {
    return ALL.get(name).apply(frame, value, arguments);
  }

  private static Object at(Object value, int index) {
    List<Object> elements = Values.elements(value);
    return elements.isEmpty()
        ? new Undefined("there is no element")
        : elements.get(index < 0 ? elements.size() - 1 : index);
  }

  private static Object orDefault(Frame frame, Object value, Arguments arguments) {
    Map<String, Object> given = arguments.bind("default_value", "boolean");
    boolean falseToo = Values.truth(given.getOrDefault("boolean", false));
    return value instanceof Undefined || (falseToo && !Values.truth(value))
        ? given.getOrDefault("default_value", Text.EMPTY)
        : value;
  }

  private static Object number(Object value, Arguments arguments, boolean real) {
    Object otherwise =
        arguments
            .bind("default", "base")
            .getOrDefault("default", real ? (Object) 0.0 : (Object) 0L);
    try {
      double parsed =
          value instanceof Text text
              ? Double.parseDouble(text.characters().strip())
              : Values.number(value);
      return real ? (Object) parsed : (Object) (long) parsed;
    } catch (NumberFormatException | JinjaException e) {
      return otherwise;
    }
  }

  private static List<Object> reversed(List<Object> values) {
    Collections.reverse(values);
    return values;
  }

  private static Object path(Object value, Object attribute) {
    if (!(attribute instanceof Text names)) {
      return Operators.item(value, attribute);
    }
    Object found = value;
    for (String name : names.characters().split("\\.", -1)) {
      boolean index = !name.isEmpty() && name.chars().allMatch(Character::isDigit);
      found = Operators.item(found, index ? (Object) Values.integer(name, 0) : Text.own(name));
    }
    return found;
  }

  private static Object map(Frame frame, Object value, Arguments arguments) {
    List<Object> mapped = new ArrayList<>();
    Object attribute = arguments.named().get("attribute");
    if (attribute == null && arguments.positional().isEmpty()) {
      throw new JinjaException(0, "map needs a filter or attribute=");
    }
    for (Object each : Values.elements(value)) {
      if (attribute != null) {
        Object found = path(each, attribute);
        Object otherwise = arguments.named().get("default");
        mapped.add(found instanceof Undefined && otherwise != null ? otherwise : found);
      } else {
        String name = Values.text(arguments.positional().get(0)).characters();
        if (!has(name)) {
          throw new JinjaException(0, "unknown filter " + name);
        }
        List<Object> rest = arguments.positional().subList(1, arguments.positional().size());
        mapped.add(apply(frame, name, each, new Arguments(name, rest, arguments.named())));
      }
    }
    return mapped;
  }

  private static Object selected(
      Object value, Arguments arguments, boolean attribute, boolean keeps) {
    List<Object> given = arguments.positional();
    int used = attribute ? 1 : 0;
    if (given.size() < used) {
      throw new JinjaException(0, arguments.name() + " needs the name of an attribute");
    }
    String test = given.size() > used ? Values.text(given.get(used)).characters() : null;
    if (test != null && !Tests.has(test)) {
      throw new JinjaException(0, "unknown test " + test);
    }
    List<Object> kept = new ArrayList<>();
    for (Object each : Values.elements(value)) {
      Object tested = attribute ? path(each, given.get(0)) : each;
      boolean passes =
          test == null
              ? Values.truth(tested)
              : Tests.apply(test, tested, given.subList(used + 1, given.size()));
      if (passes == keeps) {
        kept.add(each);
      }
    }
    return kept;
  }

  private static List<Object> sorted(
      List<Object> values, Object attribute, Map<String, Object> given) {
    boolean exact = Values.truth(given.getOrDefault("case_sensitive", false));
    Comparator<Object> order =
        (left, right) -> Values.compare(key(left, attribute, exact), key(right, attribute, exact));
    values.sort(Values.truth(given.getOrDefault("reverse", false)) ? order.reversed() : order);
    return values;
  }

  private static Object key(Object value, Object attribute, boolean exact) {
    Object key = attribute == null ? value : path(value, attribute);
    return !exact && key instanceof Text text ? Methods.cased(text, "lower") : key;
  }

  private static Object extreme(Object value, Arguments arguments, int sign) {
    Object attribute = arguments.bind("case_sensitive", "attribute").get("attribute");
    return Values.elements(value).stream()
        .max(
            (left, right) ->
                sign * Values.compare(key(left, attribute, false), key(right, attribute, false)))
        .orElse(new Undefined("there is no element"));
  }

  private static Object indent(Frame frame, Object value, Arguments arguments) {
    Map<String, Object> given = arguments.bind("width", "first", "blank");
    Object width = given.getOrDefault("width", 4L);
    Text blanks =
        width instanceof Text text
            ? text
            : Text.own(" ".repeat((int) frame.sized(Values.integer(width))));
    Text text = Values.string(value);
    Text.Builder built = new Text.Builder();
    List<Object> lines = Splitting.split(text, "\n", -1, false);
    for (int i = 0; i < lines.size(); i++) {
      Text line = (Text) lines.get(i);
      boolean indented =
          i == 0
              ? Values.truth(given.getOrDefault("first", false))
              : line.length() > 0 || Values.truth(given.getOrDefault("blank", false));
      built.add(Text.own(i > 0 ? "\n" : "")).add(indented ? blanks : Text.EMPTY).add(line);
      frame.sized(built.length());
    }
    return built.text();
  }
}

package dev.firesteel.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** What values mean, as in Python. */
final class Values {
  /** Python's {@code None}. */
  static final Object NONE =
      new Object() {
        @Override
        public String toString() {
          return "None";
        }
      };

  private static final int DEPTH = 64;

  private Values() {}

  /** A Java value as one of a template. */
  static Object of(Object value) {
    if (value == null) {
      return NONE;
    }
    if (value instanceof String text) {
      return Text.own(text);
    }
    if (value instanceof Typed typed) {
      return Text.foreign(typed.text());
    }
    if (value instanceof Integer number) {
      return number.longValue();
    }
    if (value instanceof List<?> list) {
      List<Object> values = new ArrayList<>();
      list.forEach(each -> values.add(of(each)));
      return values;
    }
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> values = new LinkedHashMap<>();
      map.forEach((key, each) -> values.put(of(key), of(each)));
      return values;
    }
    if (value instanceof Long || value instanceof Double || value instanceof Boolean) {
      return value;
    }
    throw new IllegalArgumentException("a template has no values of " + value.getClass());
  }

  static boolean truth(Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    if (value instanceof Text text) {
      return text.length() > 0;
    }
    if (value instanceof List<?> list) {
      return !list.isEmpty();
    }
    if (value instanceof Map<?, ?> map) {
      return !map.isEmpty();
    }
    if (value instanceof Number number) {
      return number.doubleValue() != 0;
    }
    return value != NONE && !(value instanceof Undefined);
  }

  /** What {@code str} gives. */
  static Text string(Object value) {
    if (value instanceof Text text) {
      return text;
    }
    if (value instanceof Undefined) {
      return Text.EMPTY;
    }
    return repr(value, 0);
  }

  /** What {@code repr} gives. */
  static Text repr(Object value, int depth) {
    if (depth > DEPTH) {
      throw new JinjaException(0, "a value is nested more than %d deep".formatted(DEPTH));
    }
    if (value instanceof Text text) {
      return text.rewritten(quoted(text.characters()));
    }
    if (value instanceof Boolean flag) {
      return Text.own(flag ? "True" : "False");
    }
    if (value instanceof Double number) {
      return Text.own(real(number));
    }
    if (value instanceof List<?> list) {
      boolean tuple = list instanceof Tuple;
      Text.Builder built = new Text.Builder().add(Text.own(tuple ? "(" : "["));
      for (int i = 0; i < list.size(); i++) {
        built.add(Text.own(i > 0 ? ", " : "")).add(repr(list.get(i), depth + 1));
      }
      return built.add(Text.own(tuple ? list.size() == 1 ? ",)" : ")" : "]")).text();
    }
    if (value instanceof Map<?, ?> map) {
      Text.Builder built = new Text.Builder().add(Text.own("{"));
      map.forEach(
          (key, each) ->
              built
                  .add(Text.own(built.length() > 1 ? ", " : ""))
                  .add(repr(key, depth + 1))
                  .add(Text.own(": "))
                  .add(repr(each, depth + 1)));
      return built.add(Text.own("}")).text();
    }
    if (value instanceof Undefined) {
      return Text.own("Undefined");
    }
    if (value instanceof Long || value == NONE) {
      return Text.own(value.toString());
    }
    throw new JinjaException(0, "%s cannot be written".formatted(type(value)));
  }

  private static String quoted(String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder quoted = new StringBuilder().append(quote);
    for (int i = 0; i < text.length(); i++) {
      char character = text.charAt(i);
      switch (character) {
        case '\n' -> quoted.append("\\n");
        case '\r' -> quoted.append("\\r");
        case '\t' -> quoted.append("\\t");
        case '\\' -> quoted.append("\\\\");
        default -> {
          if (character == quote) {
            quoted.append('\\').append(character);
          } else if (character < 32 || character == 127) {
            quoted.append("\\x%02x".formatted((int) character));
          } else {
            quoted.append(character);
          }
        }
      }
    }
    return quoted.append(quote).toString();
  }

  /** What Python writes for a float. */
  static String real(double number) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
    }
    double size = Math.abs(number);
    if (size == 0 || (size >= 1e-4 && size < 1e16)) {
      String plain = new BigDecimal(Double.toString(number)).toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String[] parts = Double.toString(number).split("E", -1);
    String mantissa =
        parts[0].endsWith(".0") ? parts[0].substring(0, parts[0].length() - 2) : parts[0];
    int exponent = Integer.parseInt(parts[1]);
    return "%se%s%02d".formatted(mantissa, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  static String type(Object value) {
    if (value instanceof Undefined) {
      return "an undefined value";
    }
    return value instanceof Text
        ? "a string"
        : value instanceof Boolean
            ? "a boolean"
            : value instanceof Number
                ? "a number"
                : value instanceof List
                    ? "a list"
                    : value instanceof Map
                        ? "a mapping"
                        : value == NONE
                            ? "none"
                            : value instanceof Callable ? "a function" : "an object";
  }

  /** The elements of what a loop or filter reads. */
  static List<Object> elements(Object value) {
    if (value instanceof List<?> list) {
      return new ArrayList<>(list);
    }
    if (value instanceof Map<?, ?> map) {
      return new ArrayList<>(map.keySet());
    }
    if (value instanceof Text text) {
      List<Object> characters = new ArrayList<>();
      for (int i = 0; i < text.length(); ) {
        int next = text.characters().offsetByCodePoints(i, 1);
        characters.add(text.part(i, next));
        i = next;
      }
      return characters;
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw new JinjaException(0, "%s has no elements".formatted(type(value)));
  }

  static Map<?, ?> map(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map;
    }
    throw value instanceof Undefined missing
        ? missing.used()
        : new JinjaException(0, "a mapping is required, got " + type(value));
  }

  static Text text(Object value) {
    if (value instanceof Text text) {
      return text;
    }
    throw value instanceof Undefined missing
        ? missing.used()
        : new JinjaException(0, "a string is required, got " + type(value));
  }

  static long integer(Object value) {
    if (value instanceof Long number) {
      return number;
    }
    if (value instanceof Boolean flag) {
      return flag ? 1 : 0;
    }
    throw value instanceof Undefined missing
        ? missing.used()
        : new JinjaException(0, "an integer is required, got " + type(value));
  }

  /** Python's {@code len}. */
  static long length(Object value) {
    return value instanceof Text text
        ? text.characters().codePointCount(0, text.length())
        : elements(value).size();
  }

  static boolean equal(Object left, Object right) {
    if (isNumber(left) && isNumber(right)) {
      boolean real = left instanceof Double || right instanceof Double;
      return real ? number(left) == number(right) : integer(left) == integer(right);
    }
    if (left instanceof List<?> one && right instanceof List<?> other) {
      if (one.size() != other.size() || (one instanceof Tuple) != (other instanceof Tuple)) {
        return false;
      }
      for (int i = 0; i < one.size(); i++) {
        if (!equal(one.get(i), other.get(i))) {
          return false;
        }
      }
      return true;
    }
    if (left instanceof Map<?, ?> one && right instanceof Map<?, ?> other) {
      return one.size() == other.size()
          && one.entrySet().stream()
              .allMatch(
                  each ->
                      other.containsKey(each.getKey())
                          && equal(each.getValue(), other.get(each.getKey())));
    }
    return left instanceof Undefined ? right instanceof Undefined : Objects.equals(left, right);
  }

  static int compare(Object left, Object right) {
    if (isNumber(left) && isNumber(right)) {
      return Double.compare(number(left), number(right));
    }
    if (left instanceof Text one && right instanceof Text other) {
      return one.compareTo(other);
    }
    if (left instanceof List<?> one && right instanceof List<?> other) {
      for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
        if (!equal(one.get(i), other.get(i))) {
          return compare(one.get(i), other.get(i));
        }
      }
      return Integer.compare(one.size(), other.size());
    }
    for (Object each : new Object[] {left, right}) {
      if (each instanceof Undefined missing) {
        throw missing.used();
      }
    }
    throw new JinjaException(0, "%s cannot be compared with %s".formatted(type(left), type(right)));
  }

  static boolean isIn(Object element, Object container) {
    if (container instanceof Text text) {
      return text.characters().contains(text(element).characters());
    }
    if (container instanceof Map<?, ?> map) {
      return map.containsKey(element);
    }
    return elements(container).stream().anyMatch(each -> equal(each, element));
  }

  static boolean isNumber(Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  /** The number that digits of a template stand for, at a line. */
  static long integer(String digits, int line) {
    try {
      return Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw new JinjaException(line, digits + " does not fit in 64 bits");
    }
  }

  /** A width or an index of a format; what is beyond an int is beyond any limit. */
  static int size(String digits) {
    return (int) Math.min(integer(digits, 0), Integer.MAX_VALUE);
  }

  static double number(Object value) {
    if (value instanceof Double number) {
      return number;
    }
    return integer(value);
  }
}

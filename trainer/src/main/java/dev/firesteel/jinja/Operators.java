package dev.firesteel.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Arithmetic, items and slices, as in Python. */
final class Operators {
  private Operators() {}

  static Object apply(String operator, Object left, Object right, Frame frame) {
    for (Object each : new Object[] {left, right}) {
      if (each instanceof Undefined missing) {
        throw missing.used();
      }
    }
    if (operator.equals("+")) {
      if (left instanceof Text one && right instanceof Text other) {
        frame.sized((long) one.length() + other.length());
        return one.plus(other);
      }
      if (left instanceof List<?> one
          && right instanceof List<?> other
          && left instanceof Tuple == right instanceof Tuple) {
        frame.sized((long) one.size() + other.size());
        List<Object> both = new ArrayList<>(one);
        both.addAll(other);
        return left instanceof Tuple ? new Tuple(both) : both;
      }
    }
    if (operator.equals("*") && (repeats(left, right) || repeats(right, left))) {
      return left instanceof Text || left instanceof List
          ? repeated(left, Values.integer(right), frame)
          : repeated(right, Values.integer(left), frame);
    }
    if (operator.equals("%") && left instanceof Text format) {
      return Formats.percent(format, right, frame);
    }
    if (!Values.isNumber(left) || !Values.isNumber(right)) {
      throw new JinjaException(
          0,
          "%s cannot be applied to %s and %s"
              .formatted(operator, Values.type(left), Values.type(right)));
    }
    return number(operator, left, right);
  }

  private static boolean repeats(Object sequence, Object count) {
    return (sequence instanceof Text || sequence instanceof List)
        && (count instanceof Long || count instanceof Boolean);
  }

  private static Object repeated(Object sequence, long count, Frame frame) {
    long times = Math.max(0, count);
    long size = sequence instanceof Text text ? text.length() : ((List<?>) sequence).size();
    frame.sized(size == 0 ? 0 : times > Integer.MAX_VALUE ? Long.MAX_VALUE : times * size);
    if (sequence instanceof Text text) {
      Text.Builder built = new Text.Builder();
      for (long i = 0; i < times && size > 0; i++) {
        built.add(text);
      }
      return built.text();
    }
    List<Object> all = new ArrayList<>();
    for (long i = 0; i < times && size > 0; i++) {
      all.addAll((List<?>) sequence);
    }
    return sequence instanceof Tuple ? new Tuple(all) : all;
  }

  private static Object number(String operator, Object left, Object right) {
    boolean real = left instanceof Double || right instanceof Double;
    double x = Values.number(left);
    double y = Values.number(right);
    if (y == 0 && List.of("/", "//", "%").contains(operator)) {
      throw new JinjaException(0, "division by zero");
    }
    if (operator.equals("/")) {
      return x / y;
    }
    if (real || (operator.equals("**") && y < 0)) {
      return switch (operator) {
        case "+" -> x + y;
        case "-" -> x - y;
        case "*" -> x * y;
        case "//" -> Math.floor(x / y);
        case "%" -> x - Math.floor(x / y) * y;
        default -> Math.pow(x, y);
      };
    }
    long a = Values.integer(left);
    long b = Values.integer(right);
    try {
      return switch (operator) {
        case "+" -> Math.addExact(a, b);
        case "-" -> Math.subtractExact(a, b);
        case "*" -> Math.multiplyExact(a, b);
        case "//" -> Math.floorDiv(a, b);
        case "%" -> Math.floorMod(a, b);
        default -> power(a, b);
      };
    } catch (ArithmeticException e) {
      throw new JinjaException(0, "%d %s %d does not fit in 64 bits".formatted(a, operator, b));
    }
  }

  private static long power(long base, long exponent) {
    if (Math.abs(base) > 1 && exponent > 63) {
      throw new ArithmeticException();
    }
    long power = 1;
    for (long i = Math.abs(base) > 1 ? exponent : Math.min(exponent, 2 - exponent % 2);
        i > 0;
        i--) {
      power = Math.multiplyExact(power, base);
    }
    return power;
  }

  /** {@code value.name}: a method or attribute before an item. */
  static Object attribute(Object value, String name) {
    if (value instanceof Undefined missing) {
      throw missing.used();
    }
    if (value instanceof Loop loop) {
      return loop.attribute(name);
    }
    if (value instanceof Namespace namespace) {
      Object found = namespace.attributes().get(name);
      return found != null ? found : missing(value, name);
    }
    Callable method = Methods.of(value, name);
    if (method != null) {
      return method;
    }
    Object item = value instanceof Map<?, ?> map ? map.get(Text.own(name)) : null;
    return item != null ? item : missing(value, name);
  }

  /** {@code value[key]}: an item before an attribute. */
  static Object item(Object value, Object key) {
    if (value instanceof Undefined missing) {
      throw missing.used();
    }
    if (value instanceof Map<?, ?> map) {
      Object item = map.get(key);
      if (item != null) {
        return item;
      }
    } else if ((value instanceof List || value instanceof Text) && key instanceof Long index) {
      List<Object> elements = Values.elements(value);
      long at = index < 0 ? index + elements.size() : index;
      return at >= 0 && at < elements.size()
          ? elements.get((int) at)
          : new Undefined("%s has no element %d".formatted(Values.type(value), index));
    }
    return key instanceof Text name
        ? attribute(value, name.characters())
        : missing(value, Values.string(key).characters());
  }

  private static Undefined missing(Object value, String name) {
    return new Undefined("%s has no attribute '%s'".formatted(Values.type(value), name));
  }

  /** {@code value[start:stop:step]}; {@link Values#NONE} where a number is left out. */
  static Object slice(Object value, Object from, Object to, Object by) {
    if (!(value instanceof Text) && !(value instanceof List)) {
      throw value instanceof Undefined missing
          ? missing.used()
          : new JinjaException(0, "%s cannot be sliced".formatted(Values.type(value)));
    }
    List<Object> elements = Values.elements(value);
    long size = elements.size();
    long step = by == Values.NONE ? 1 : Values.integer(by);
    if (step == 0) {
      throw new JinjaException(0, "the step of a slice cannot be 0");
    }
    long low = step > 0 ? 0 : -1;
    long high = step > 0 ? size : size - 1;
    long start = bound(from, step > 0 ? low : high, size, low, high);
    long stop = bound(to, step > 0 ? high : low, size, low, high);
    List<Object> part = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      part.add(elements.get((int) i));
    }
    if (value instanceof Text) {
      Text.Builder built = new Text.Builder();
      part.forEach(each -> built.add((Text) each));
      return built.text();
    }
    return value instanceof Tuple ? new Tuple(part) : part;
  }

  private static long bound(Object given, long absent, long size, long low, long high) {
    if (given == Values.NONE) {
      return absent;
    }
    long value = Values.integer(given);
    return Math.max(low, Math.min(high, value < 0 ? value + size : value));
  }
}

package dev.firesteel.jinja;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** What stands after {@code is}, and the names that {@code select} and others take. */
final class Tests {
  private static final Set<String> NAMES =
      Set.of(
          "defined",
          "undefined",
          "none",
          "string",
          "mapping",
          "iterable",
          "sequence",
          "number",
          "integer",
          "float",
          "boolean",
          "true",
          "false",
          "callable",
          "even",
          "odd",
          "lower",
          "upper",
          "divisibleby",
          "in",
          "sameas",
          "eq",
          "==",
          "equalto",
          "ne",
          "!=",
          "lt",
          "<",
          "lessthan",
          "le",
          "<=",
          "gt",
          ">",
          "greaterthan",
          "ge",
          ">=");

  private Tests() {}

  static boolean has(String name) {
    return NAMES.contains(name);
  }

  static boolean apply(String name, Object value, List<Object> arguments) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == Values.NONE;
      case "string" -> value instanceof Text;
      case "mapping" -> value instanceof Map;
      case "iterable" ->
          value instanceof Text
              || value instanceof List
              || value instanceof Map
              || value instanceof Undefined;
      case "sequence" ->
          value instanceof Text
              || value instanceof List
              || value instanceof Map
              || value instanceof Undefined;
      case "number" -> Values.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "callable" -> value instanceof Callable;
      case "even" -> Values.integer(value) % 2 == 0;
      case "odd" -> Values.integer(value) % 2 != 0;
      case "lower" ->
          Boolean.TRUE.equals(
              Methods.of(Values.string(value), "islower").call(null, Arguments.NONE));
      case "upper" ->
          Boolean.TRUE.equals(
              Methods.of(Values.string(value), "isupper").call(null, Arguments.NONE));
      default -> compared(name, value, argument(name, arguments));
    };
  }

  private static boolean compared(String name, Object value, Object other) {
    return switch (name) {
      case "divisibleby" -> Values.integer(value) % Values.integer(other) == 0;
      case "in" -> Values.isIn(value, other);
      case "sameas" ->
          value == other
              || (!(value instanceof List) && !(value instanceof Map) && value.equals(other));
      case "eq", "==", "equalto" -> Values.equal(value, other);
      case "ne", "!=" -> !Values.equal(value, other);
      case "lt", "<", "lessthan" -> Values.compare(value, other) < 0;
      case "le", "<=" -> Values.compare(value, other) <= 0;
      case "gt", ">", "greaterthan" -> Values.compare(value, other) > 0;
      default -> Values.compare(value, other) >= 0;
    };
  }

  private static Object argument(String name, List<Object> arguments) {
    if (arguments.size() != 1) {
      throw new JinjaException(
          0, "the test %s needs one argument, got %d".formatted(name, arguments.size()));
    }
    return arguments.get(0);
  }
}

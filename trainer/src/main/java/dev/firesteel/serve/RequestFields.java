package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.NearestName;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The fields of a request's body, read by name and type. What is asked for here is known; {@link
 * #finish} refuses everything else, because a field that is silently ignored would give another
 * answer than the one asked for. A field of {@code null} counts as absent.
 */
public final class RequestFields {
  private final ObjectNode body;
  private final String path;
  private final Set<String> known = new LinkedHashSet<>();

  private RequestFields(ObjectNode body, String path) {
    this.body = body;
    this.path = path;
  }

  /**
   * Reads a body.
   *
   * @throws ApiException (400) if it is not a JSON object
   */
  public static RequestFields parse(String body) {
    JsonNode value = Json.read(body);
    if (!(value instanceof ObjectNode object)) {
      throw ApiException.invalid(
          null,
          "invalid_json",
          "the body must be a JSON object, got %s: put the fields in {}".formatted(kind(value)));
    }
    return new RequestFields(object, "");
  }

  private JsonNode get(String key) {
    known.add(key);
    JsonNode value = body.get(key);
    return value == null || value.isNull() ? null : value;
  }

  private ApiException wrong(String key, String required, JsonNode got) {
    return wrong(path + key, required, kind(got));
  }

  /** A field that must be something else. */
  static ApiException wrong(String param, String required, String got) {
    return ApiException.invalid(
        param, "%s must be %s, got %s: correct it".formatted(param, required, got));
  }

  /** What a value is, as messages say it. */
  static String kind(JsonNode value) {
    return switch (value.getNodeType()) {
      case OBJECT -> "an object";
      case ARRAY -> "an array";
      case STRING -> "a string";
      case BOOLEAN -> value.asText();
      case NUMBER -> Routes.shown(value.asText());
      case NULL -> "null";
      case BINARY, MISSING, POJO -> "something else";
    };
  }

  /** A string. */
  public Optional<String> text(String key) {
    JsonNode value = get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!value.isTextual()) {
      throw wrong(key, "a string", value);
    }
    return Optional.of(value.textValue());
  }

  /** A string that must be there. */
  public String requiredText(String key) {
    return text(key)
        .orElseThrow(
            () ->
                ApiException.invalid(
                    path + key, "%s must be a string, got nothing: add it".formatted(path + key)));
  }

  /** True or false; false if absent. */
  public boolean flag(String key) {
    return optionalFlag(key).orElse(false);
  }

  /** True or false, or absent. */
  public Optional<Boolean> optionalFlag(String key) {
    JsonNode value = get(key);
    if (value != null && !value.isBoolean()) {
      throw wrong(key, "true or false", value);
    }
    return Optional.ofNullable(value).map(JsonNode::booleanValue);
  }

  /** A whole number in a range. */
  public OptionalInt integer(String key, int least, int most) {
    JsonNode value = get(key);
    if (value == null) {
      return OptionalInt.empty();
    }
    if (!value.isIntegralNumber()
        || !value.canConvertToInt()
        || value.intValue() < least
        || value.intValue() > most) {
      throw wrong(
          key,
          most == Integer.MAX_VALUE
              ? "a whole number of at least " + least
              : "a whole number from %d to %d".formatted(least, most),
          value);
    }
    return OptionalInt.of(value.intValue());
  }

  /** A whole number of 64 bits. */
  public OptionalLong longInteger(String key) {
    JsonNode value = get(key);
    if (value == null) {
      return OptionalLong.empty();
    }
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrong(key, "a whole number of 64 bits", value);
    }
    return OptionalLong.of(value.longValue());
  }

  /** A number in a range. */
  public OptionalDouble number(String key, double least, double most) {
    JsonNode value = get(key);
    if (value == null) {
      return OptionalDouble.empty();
    }
    double number = value.isNumber() ? value.doubleValue() : Double.NaN;
    if (!(number >= least && number <= most)) {
      throw wrong(key, "a number from %s to %s".formatted(shown(least), shown(most)), value);
    }
    return OptionalDouble.of(number);
  }

  private static String shown(double bound) {
    return bound == Math.rint(bound) ? Long.toString((long) bound) : Double.toString(bound);
  }

  /** A value of any kind. */
  public Optional<JsonNode> any(String key) {
    return Optional.ofNullable(get(key));
  }

  /** A string, or a list of at most {@code most} strings; an empty list if absent. */
  public List<String> texts(String key, int most) {
    JsonNode value = get(key);
    if (value == null) {
      return List.of();
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode each : value.isArray() ? value : List.of(value)) {
      if (!each.isTextual()) {
        throw wrong(key, "a string or an array of strings", each);
      }
      texts.add(each.textValue());
    }
    if (texts.size() > most) {
      throw wrong(path + key, "at most %d strings".formatted(most), texts.size() + " of them");
    }
    return Collections.unmodifiableList(texts);
  }

  /** The fields of an object. */
  public Optional<RequestFields> object(String key) {
    JsonNode value = get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!(value instanceof ObjectNode object)) {
      throw wrong(key, "an object", value);
    }
    return Optional.of(new RequestFields(object, path + key + "."));
  }

  /** Objects, each with its fields; at least one. */
  public List<RequestFields> objects(String key) {
    JsonNode value = get(key);
    if (value == null || !value.isArray() || value.isEmpty()) {
      throw wrong(
          path + key,
          "an array of at least one object",
          value == null ? "nothing" : value.isArray() ? "an empty one" : kind(value));
    }
    List<RequestFields> objects = new ArrayList<>();
    for (int i = 0; i < value.size(); i++) {
      String at = "%s%s[%d]".formatted(path, key, i);
      if (!(value.get(i) instanceof ObjectNode object)) {
        throw wrong(at, "an object", kind(value.get(i)));
      }
      objects.add(new RequestFields(object, at + "."));
    }
    return objects;
  }

  /** How messages call a field. */
  public String name(String key) {
    return path + key;
  }

  /** Fields that change nothing about the answer, such as a name of the caller. */
  public void ignore(String... keys) {
    known.addAll(List.of(keys));
  }

  /**
   * Fields of the protocol that this server does not have: they may be absent or neutral ({@code
   * null}, {@code false}, 0, an empty list or object).
   */
  public void unsupported(String... keys) {
    for (String key : keys) {
      JsonNode value = get(key);
      boolean neutral =
          value == null
              || (value.isBoolean() && !value.booleanValue())
              || (value.isNumber() && value.doubleValue() == 0)
              || (value.isContainerNode() && value.isEmpty());
      if (!neutral) {
        throw ApiException.invalid(
            path + key,
            "unsupported_parameter",
            "%s must be absent, since this server does not have it, got %s: leave it out"
                .formatted(path + key, kind(value)));
      }
    }
  }

  /**
   * Refuses fields that nobody asked for.
   *
   * @throws ApiException (400)
   */
  public void finish() {
    body.fieldNames()
        .forEachRemaining(
            key -> {
              if (!known.contains(key)) {
                String hint =
                    NearestName.of(key, List.copyOf(known))
                        .map(nearest -> "did you mean %s?".formatted(nearest))
                        .orElse("leave it out");
                throw ApiException.invalid(
                    Routes.shown(path + key),
                    "unknown_parameter",
                    "the field %s must be one that is known, got an unknown one: %s"
                        .formatted(Routes.shown(path + key), hint));
              }
            });
  }
}

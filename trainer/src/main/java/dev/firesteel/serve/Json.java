package dev.firesteel.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.UncheckedIOException;

/** JSON as the server reads and writes it. */
public final class Json {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  /** An empty object. */
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /**
   * Reads one value.
   *
   * @throws ApiException (400) if it is not JSON: a key twice and more after the value are neither
   */
  public static JsonNode read(String text) {
    JsonNode value;
    try {
      value = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw ApiException.invalid(
          null,
          "invalid_json",
          "the body must be valid JSON, got a mistake%s: %s; correct it"
              .formatted(
                  e.getLocation() == null
                      ? ""
                      : " at line %d, column %d"
                          .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr()),
                  e.getOriginalMessage()));
    }
    if (value.isMissingNode()) {
      throw ApiException.invalid(
          null, "invalid_json", "the body must be a JSON object, got nothing: send one");
    }
    return value;
  }

  /** Writes a value in UTF-8. */
  static byte[] write(JsonNode value) {
    try {
      return MAPPER.writeValueAsBytes(value);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}

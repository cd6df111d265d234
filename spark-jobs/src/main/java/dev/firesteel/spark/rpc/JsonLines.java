package dev.firesteel.spark.rpc;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

/**
 * Messages between Spark's processes as text, by their fields. Spark's RPC deserializes with a
 * class loader that does not know the job jar: only Java's own classes may be sent.
 */
public final class JsonLines {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .visibility(PropertyAccessor.GETTER, Visibility.NONE)
          .visibility(PropertyAccessor.IS_GETTER, Visibility.NONE)
          .visibility(PropertyAccessor.FIELD, Visibility.ANY)
          .build();

  private JsonLines() {}

  public static String write(Object message) {
    try {
      return JSON.writeValueAsString(message);
    } catch (JsonProcessingException e) {
      throw new AssertionError("messages of plain fields can be written", e);
    }
  }

  /**
   * Parses a message.
   *
   * @param what it should be, for the error message: "a rank's report"
   */
  public static <T> T read(String line, Class<T> type, String what) {
    try {
      return JSON.readValue(line, type);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not " + what + ": " + line, e);
    }
  }
}

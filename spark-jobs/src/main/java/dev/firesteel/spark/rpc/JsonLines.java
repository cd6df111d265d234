package dev.firesteel.spark.rpc;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

/**
 * Messages between the processes of Spark as text, by their fields. Spark's RPC reads what it gets
 * with a class loader that does not know the job jar: nothing but classes of Java's own may travel.
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
   * The message of a line.
   *
   * @param what it should be, for the sentence when it is not: "a rank's report"
   */
  public static <T> T read(String line, Class<T> type, String what) {
    try {
      return JSON.readValue(line, type);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not " + what + ": " + line, e);
    }
  }
}

package dev.firesteel.data;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An example as a line of JSON, the form in which prepared examples are stored:
 *
 * <pre>
 * {"documents":[{"tokens":[5,9,12,7],"trained":[[2,4]]}],"fields":{}}
 * </pre>
 *
 * <p>{@code trained} lists ranges {@code [begin, end)} of positions.
 */
public final class ExampleLine {
  private static final ObjectMapper JSON = new ObjectMapper(RecordJson.factory().build());

  private ExampleLine() {}

  /** The example's line, without the line end. */
  public static String write(Example example) {
    ObjectNode line = JSON.createObjectNode();
    ArrayNode documents = line.putArray("documents");
    for (TrainedTokens document : example.documents()) {
      ObjectNode node = documents.addObject();
      ArrayNode tokens = node.putArray("tokens");
      ArrayNode ranges = node.putArray("trained");
      for (int i = 0; i < document.length(); i++) {
        tokens.add(document.token(i));
        if (document.isTrained(i) && !document.isTrained(i - 1)) {
          int end = i;
          while (end < document.length() && document.isTrained(end)) {
            end++;
          }
          ranges.addArray().add(i).add(end);
        }
      }
    }
    line.set("fields", example.fields());
    return text(line);
  }

  /** Event by event: fields may be nested deeper than a stack of calls. */
  private static String text(JsonNode node) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = JSON.createGenerator(text);
        JsonParser events = JSON.treeAsTokens(node)) {
      while (events.nextToken() != null) {
        generator.copyCurrentEvent(events);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("in memory", e);
    }
    return text.toString();
  }

  /**
   * The example of a line.
   *
   * @throws JsonProcessingException if it is no JSON
   * @throws IllegalArgumentException if it is no example
   */
  public static Example parse(String line) throws JsonProcessingException {
    JsonNode node = JSON.readTree(line);
    List<TrainedTokens> documents = new ArrayList<>();
    for (JsonNode document : node.path("documents")) {
      JsonNode ids = document.path("tokens");
      int[] tokens = new int[ids.size()];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = integer(ids.get(i), Integer.MAX_VALUE);
      }
      boolean[] trained = new boolean[tokens.length];
      for (JsonNode range : document.path("trained")) {
        int end = integer(range.path(1), tokens.length);
        Arrays.fill(trained, integer(range.path(0), end), end, true);
      }
      documents.add(new TrainedTokens(tokens, trained));
    }
    return new Example(documents, node.path("fields"));
  }

  private static int integer(JsonNode node, int most) {
    if (!node.isInt() || node.intValue() < 0 || node.intValue() > most) {
      throw new IllegalArgumentException(
          "a line of an example must have an integer from 0 to " + most + ", got " + node);
    }
    return node.intValue();
  }
}

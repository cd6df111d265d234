package dev.firesteel.spark.prepare;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.firesteel.data.RecordJson;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * A file that is one JSON array of records, over any number of lines, as many instruction datasets
 * are published ({@code alpaca_data.json}).
 */
final class JsonArray {
  /** Only the parser that shares names reads bytes as bytes, and counts them. */
  private static final JsonFactory JSON =
      RecordJson.factory().enable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build();

  /** Other names are of lines: there a bracket begins a line that is no record. */
  private static final Pattern NAME = Pattern.compile(".*\\.json(\\.[a-z0-9]+)?");

  /** White space of JSON, and the bytes of a mark of the byte order in UTF-8. */
  private static final String SKIPPED = " \t\r\n\u00ef\u00bb\u00bf";

  private JsonArray() {}

  /** Whether a file is one: by its name and first character. */
  static boolean is(Path path, Configuration hadoop) {
    if (!NAME.matcher(path.getName().toLowerCase(Locale.ROOT)).matches()) {
      return false;
    }
    try (InputStream in = ExampleRecords.open(path, hadoop)) {
      int first = in.read();
      while (first >= 0 && SKIPPED.indexOf(first) >= 0) {
        first = in.read();
      }
      return first == '[';
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + path, e);
    }
  }

  /**
   * The records of such a file, each with the bytes that it has there.
   *
   * @param bytes of the whole file
   * @param file its URI
   * @throws UserException if it is no JSON from its beginning to its end: what follows a mistake
   *     cannot be divided into records
   */
  static Iterator<ExampleRecords.Line> records(byte[] bytes, String file) {
    List<ExampleRecords.Line> records = new ArrayList<>();
    try (JsonParser parser = JSON.createParser(bytes)) {
      parser.nextToken();
      for (JsonToken next = parser.nextToken();
          next != JsonToken.END_ARRAY;
          next = parser.nextToken()) {
        int from = (int) parser.currentTokenLocation().getByteOffset();
        parser.skipChildren();
        parser.finishToken();
        int to = (int) parser.currentLocation().getByteOffset();
        records.add(new ExampleRecords.Line(Arrays.copyOfRange(bytes, from, to), file, from));
      }
      if (parser.nextToken() != null) {
        throw broken(file, "something after its end", parser.currentTokenLocation().getLineNr());
      }
    } catch (JsonProcessingException e) {
      throw broken(file, mistake(e), e.getLocation() == null ? 1 : e.getLocation().getLineNr());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // Of an array in memory.
    }
    return records.iterator();
  }

  /** What is wrong with a text, without the parser's advice to programmers. */
  static String mistake(JsonProcessingException e) {
    String first = e.getOriginalMessage().lines().findFirst().orElse("");
    return first.replaceFirst(": enable `.*` to allow$", "").strip();
  }

  private static UserException broken(String file, String got, int line) {
    return UserException.usage(
        "%s begins with [ and must be one JSON array of records, got %s at line %d: correct it, or write one record a line"
            .formatted(
                HadoopFiles.withPlainPaths(new Path(URI.create(file)).toString()), got, line));
  }
}

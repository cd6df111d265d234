package dev.firesteel.spark.prepare;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.firesteel.data.RecordJson;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Classifies a record of the source: a document, or a kind of dropped record. The table in {@code
 * docs/data.md} documents this class.
 */
final class RecordRules {
  private static final char REPLACEMENT = '\uFFFD';

  /** With the extensions that Python writes: NaN, and the single quotes of a dictionary. */
  private static final JsonFactory JSON =
      RecordJson.factory()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(JsonReadFeature.ALLOW_SINGLE_QUOTES)
          .build();

  private RecordRules() {}

  /** A text file, a line of one or a value of a column. */
  static Document ofText(byte[] bytes, int file) {
    String text = new String(bytes, StandardCharsets.UTF_8);
    if (isBlank(text)) {
      return Document.dropped(Document.EMPTY);
    }
    return isUtf8(text, bytes) ? ofText(text, bytes, file) : Document.dropped(Document.MALFORMED);
  }

  /** A whole file: like {@link #ofText}, without a leading byte order mark. */
  static Document ofFile(byte[] bytes, int file) {
    boolean marked =
        bytes.length >= 3
            && bytes[0] == (byte) 0xEF
            && bytes[1] == (byte) 0xBB
            && bytes[2] == (byte) 0xBF;
    return ofText(marked ? Arrays.copyOfRange(bytes, 3, bytes.length) : bytes, file);
  }

  /** A line of JSON: one object whose {@code field} is the text. */
  static Document ofJson(byte[] line, String field) {
    String json = new String(line, StandardCharsets.UTF_8);
    if (isBlank(json)) {
      return Document.dropped(Document.EMPTY);
    }
    if (!isUtf8(json, line)) {
      return Document.dropped(Document.MALFORMED);
    }
    String text;
    try {
      text = field(json, field);
    } catch (JsonProcessingException e) {
      return Document.dropped(Document.MALFORMED);
    } catch (IOException e) {
      throw new UncheckedIOException("a string is read without a file", e);
    }
    if (text == null) {
      return Document.dropped(Document.MISSING_TEXT);
    }
    if (isBlank(text)) {
      return Document.dropped(Document.EMPTY);
    }
    String whole = withoutHalfPairs(text);
    return ofText(whole, whole.getBytes(StandardCharsets.UTF_8), 0);
  }

  /** Whether a line is the beginning of a JSON array. */
  static boolean beginsArray(byte[] line) {
    return new String(line, StandardCharsets.UTF_8).stripLeading().startsWith("[");
  }

  /** A value of a column of text, or null. */
  static Document ofColumn(byte[] value) {
    return value == null ? Document.dropped(Document.MISSING_TEXT) : ofText(value, 0);
  }

  private static Document ofText(String text, byte[] bytes, int file) {
    // UTF-16 of Latin letters is also valid UTF-8, with a NUL next to each letter.
    if (text.indexOf(0) >= 0) {
      return Document.dropped(Document.MALFORMED);
    }
    String hash = HexFormat.of().formatHex(HadoopFiles.sha256().digest(bytes));
    return Document.text(hash, file, text);
  }

  /**
   * The field's text, the last of several with this name; null if there is none or it is not a
   * string.
   */
  private static String field(String json, String field) throws IOException {
    String text = null;
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new NotOneObject(parser);
      }
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        JsonToken value = parser.nextToken();
        if (name.equals(field)) {
          text = value == JsonToken.VALUE_STRING ? parser.getText() : null;
        }
        parser.skipChildren();
      }
      if (parser.nextToken() != null) {
        throw new NotOneObject(parser);
      }
    }
    return text;
  }

  /** A line that contains valid JSON, but not exactly one object. */
  private static final class NotOneObject extends JsonProcessingException {
    private static final long serialVersionUID = 1L;

    NotOneObject(JsonParser parser) {
      super("a line must be one JSON object", parser.currentLocation());
    }
  }

  /** ASCII white space; Unicode spaces are text. */
  private static boolean isBlank(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        return false;
      }
    }
    return true;
  }

  /** Whether the bytes that were decoded to {@code text} are UTF-8. */
  private static boolean isUtf8(String text, byte[] bytes) {
    return text.indexOf(REPLACEMENT) < 0
        || Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes);
  }

  /** JSON can contain an unpaired surrogate, which is not text: U+FFFD, as tokenizers read it. */
  private static String withoutHalfPairs(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        int[] codePoints = text.codePoints().map(c -> isHalfPair(c) ? REPLACEMENT : c).toArray();
        return new String(codePoints, 0, codePoints.length);
      }
    }
    return text;
  }

  private static boolean isHalfPair(int codePoint) {
    return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
  }
}

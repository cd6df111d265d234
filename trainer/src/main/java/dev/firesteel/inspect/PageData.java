package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Parts of pages that draw data with a script of their own. */
final class PageData {
  private PageData() {}

  /**
   * A part of a page from this package's resources.
   *
   * @param data put where the part says {@code {{data}}}, so that no text in it can end the script
   */
  static String part(String resource, JsonNode data) {
    try (InputStream in = PageData.class.getResourceAsStream(resource)) {
      String json =
          data.toString()
              .replace("<", "\\u003c")
              .replace("\u2028", "\\u2028")
              .replace("\u2029", "\\u2029");
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).replace("{{data}}", json);
    } catch (IOException e) {
      throw new UncheckedIOException("reading the resource " + resource, e);
    }
  }
}

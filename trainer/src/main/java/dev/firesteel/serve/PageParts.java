package dev.firesteel.serve;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The page of chat and rating as one file: its markup with its style and its scripts inside. They
 * are resources of their own, each with one concern.
 */
final class PageParts {
  private static final List<String> SCRIPTS =
      List.of("markdown.js", "api.js", "tokens.js", "answer.js", "chat.js", "rate.js");

  private PageParts() {}

  /** The whole page. */
  static String page() {
    StringBuilder script = new StringBuilder();
    SCRIPTS.forEach(name -> script.append(resource(name)));
    return resource("index.html")
        .replace("{{style}}", resource("page.css"))
        .replace("{{script}}", script);
  }

  private static String resource(String name) {
    try (InputStream in = PageParts.class.getResourceAsStream("page/" + name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("reading the resource page/" + name, e);
    }
  }
}

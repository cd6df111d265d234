package dev.firesteel.serve;

import dev.firesteel.serve.Route.Access;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A self-contained page: one HTML file with its scripts and styles inside. Its content security
 * policy lets run exactly the scripts that are in the file (by their SHA-256), and lets them reach
 * this server alone: what a model writes cannot become code. Handlers in attributes ({@code
 * onclick}) do not run; scripts add them.
 */
final class Page {
  private static final Pattern SCRIPT = Pattern.compile("(?s)<script[^>]*>(.*?)</script>");

  private final byte[] html;
  private final Map<String, String> headers;

  private Page(byte[] html) {
    this.html = html;
    StringBuilder scripts = new StringBuilder();
    Matcher script = SCRIPT.matcher(new String(html, StandardCharsets.UTF_8));
    while (script.find()) {
      scripts.append(" 'sha256-").append(sha256(script.group(1))).append('\'');
    }
    headers =
        Map.of(
            "Content-Type",
            "text/html;charset=utf-8",
            "Cache-Control",
            "no-cache",
            "X-Content-Type-Options",
            "nosniff",
            "Referrer-Policy",
            "no-referrer",
            "Content-Security-Policy",
            "default-src 'none'; script-src"
                + (scripts.isEmpty() ? " 'none'" : scripts)
                + "; style-src 'unsafe-inline'; img-src data:; connect-src 'self';"
                + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  }

  private static String sha256(String text) {
    try {
      return Base64.getEncoder()
          .encodeToString(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /** A page among the class path's resources, in {@code dev/firesteel/serve/page}. */
  static Optional<Page> find(String name) {
    try (InputStream in = Page.class.getResourceAsStream("page/" + name)) {
      return in == null ? Optional.empty() : Optional.of(new Page(in.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The route of this page. Open to all: it holds nothing that is secret, and asks for the key. */
  Route at(String path) {
    return new Route("GET", path, Access.OPEN, exchange -> exchange.bytes(200, headers, html));
  }
}

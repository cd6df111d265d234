package dev.firesteel.serve;

import dev.firesteel.serve.Route.Access;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A self-contained page: one HTML file with its scripts and styles inside. Its content security
 * policy admits exactly the scripts and styles in the file (by their SHA-256), and lets them reach
 * this server alone: what a model writes cannot become code. Handlers in attributes ({@code
 * onclick}) do not run; scripts add them.
 */
final class Page {
  private static final Pattern SCRIPT = Pattern.compile("(?s)<script[^>]*>(.*?)</script>");
  private static final Pattern STYLE = Pattern.compile("(?s)<style[^>]*>(.*?)</style>");
  private static final String POLICY = "Content-Security-Policy";

  private final byte[] html;
  private final Map<String, String> headers;

  private Page(byte[] html) {
    this.html = html;
    String text = new String(html, StandardCharsets.UTF_8);
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
            POLICY,
            "default-src 'none'; script-src"
                + hashes(SCRIPT, text)
                + "; style-src"
                + hashes(STYLE, text)
                + "; img-src data:; connect-src 'self';"
                + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  }

  /** The parts of a page that may run or apply. */
  private static String hashes(Pattern part, String html) {
    StringBuilder hashes = new StringBuilder();
    Matcher found = part.matcher(html);
    while (found.find()) {
      hashes.append(" 'sha256-").append(sha256(found.group(1))).append('\'');
    }
    return hashes.isEmpty() ? " 'none'" : hashes.toString();
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

  /** The page of chat and ratings. */
  static Page chat() {
    return of(PageParts.page().getBytes(StandardCharsets.UTF_8));
  }

  static Page of(byte[] html) {
    return new Page(html);
  }

  /** Its content security policy. */
  String policy() {
    return headers.get(POLICY);
  }

  /** The route of this page. Open to all: it holds nothing that is secret, and asks for the key. */
  Route at(String path) {
    return new Route("GET", path, Access.OPEN, exchange -> exchange.bytes(200, headers, html));
  }
}

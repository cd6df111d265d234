package dev.firesteel.serve;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;

/** Who may use the server. */
final class AccessRules {
  private static final String BEARER = "bearer ";

  private final Optional<byte[]> key;
  private final boolean loopback;
  private final String host;

  /**
   * The rules of a server.
   *
   * @param loopback whether it listens to this machine alone
   */
  AccessRules(ServeOptions options, boolean loopback) {
    key = options.apiKey().map(each -> each.getBytes(StandardCharsets.UTF_8));
    this.loopback = loopback;
    host = options.host();
  }

  /** Whether only this machine reaches an address. */
  static boolean isLoopback(String host) throws UnknownHostException {
    return InetAddress.getByName(host).isLoopbackAddress();
  }

  /**
   * Refuses requests under a foreign name, if the server listens to this machine alone: a web page
   * whose name was rebound to 127.0.0.1 could otherwise use it through the browser.
   *
   * @throws ApiException (403)
   */
  void checkHost(Request request) {
    String header = request.getHeaders().get(HttpHeader.HOST);
    if (!loopback || header == null) {
      return;
    }
    String name = header.replaceFirst(":\\d*$", "").toLowerCase(Locale.ROOT);
    if (!name.equals("localhost")
        && !name.matches("127\\.\\d+\\.\\d+\\.\\d+")
        && !name.equals("[::1]")
        && !name.equals(host.toLowerCase(Locale.ROOT))) {
      throw ApiException.request(
          403,
          "forbidden_host",
          "the Host of a server on the loopback address must be localhost or that address, got %s: use that, or start the server with another --host"
              .formatted(Routes.shown(header)));
    }
  }

  /**
   * Refuses requests without the key, if there is one. The comparison takes the same time wherever
   * the two differ.
   *
   * @throws ApiException (401)
   */
  void checkKey(Request request) {
    if (key.isEmpty()) {
      return;
    }
    String header = request.getHeaders().get(HttpHeader.AUTHORIZATION);
    boolean bearer = header != null && header.toLowerCase(Locale.ROOT).startsWith(BEARER);
    byte[] given =
        bearer
            ? header.substring(BEARER.length()).strip().getBytes(StandardCharsets.UTF_8)
            : new byte[0];
    if (!MessageDigest.isEqual(given, key.get())) {
      throw ApiException.unauthorized(
          bearer
              ? "the API key must be this server's, got another one: correct it"
              : "the request must have the header Authorization: Bearer KEY, got none: add it");
    }
  }

  /**
   * Refuses bodies that are not said to be JSON: those a browser sends without asking first, from
   * any web page.
   *
   * @throws ApiException (415)
   */
  static void checkContentType(Request request) {
    String header = request.getHeaders().get(HttpHeader.CONTENT_TYPE);
    String type = header == null ? "" : header.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    if (!type.equals("application/json")) {
      throw ApiException.request(
          415,
          "unsupported_media_type",
          "the Content-Type must be application/json, got %s: set that header"
              .formatted(header == null ? "none" : Routes.shown(header)));
    }
    String encoding = request.getHeaders().get(HttpHeader.CONTENT_ENCODING);
    if (encoding != null && !encoding.equalsIgnoreCase("identity")) {
      throw ApiException.request(
          415,
          "unsupported_content_encoding",
          "the body must not be compressed, got Content-Encoding %s: send it as it is"
              .formatted(Routes.shown(encoding)));
    }
  }
}

package dev.firesteel.serve;

/**
 * A path of the server.
 *
 * @param method {@code GET} or {@code POST}; a route of GET answers HEAD, too
 * @param path the whole path; one that ends with {@code /*} stands for all paths with one more
 *     segment, which {@link Exchange#segment} returns
 * @param access who may use it
 * @param endpoint what it does
 */
public record Route(String method, String path, Access access, Endpoint endpoint) {
  private static final String ANY = "/*";

  /** Who may use a route of a server that has an API key. */
  public enum Access {
    /** Everyone: pages and health. */
    OPEN,
    /** Those who know the key. */
    KEY
  }

  /** Whether a path of a request is this route's. */
  boolean matches(String requested) {
    if (!path.endsWith(ANY)) {
      return path.equals(requested);
    }
    String parent = path.substring(0, path.length() - 1);
    return requested.startsWith(parent)
        && requested.length() > parent.length()
        && requested.indexOf('/', parent.length()) < 0;
  }

  /** The segment of a path that {@code *} stands for. */
  String segment(String requested) {
    return path.endsWith(ANY) ? requested.substring(path.length() - 1) : "";
  }

  /** Whether it serves requests of a method. */
  boolean serves(String requested) {
    return method.equals(requested) || (method.equals("GET") && requested.equals("HEAD"));
  }
}

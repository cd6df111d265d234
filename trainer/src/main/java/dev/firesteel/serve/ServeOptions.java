package dev.firesteel.serve;

import dev.firesteel.error.UserException;
import java.time.Duration;
import java.util.Optional;

/**
 * How a server listens and what it allows.
 *
 * @param host the address or name to listen on
 * @param port the port; 0 for any that is free
 * @param apiKey what requests must carry as {@code Authorization: Bearer KEY}, if anything
 * @param corsOrigin the web page's origin whose scripts may use this server, or {@code *}; none if
 *     empty
 * @param maxBatch completions of a model decoded together
 * @param maxQueue completions that may wait
 * @param requestTimeout from a request's arrival to the end of its answer, at most
 * @param maxBodyBytes the largest body of a request
 * @param maxConnections connections at a time; more wait in the operating system's queue
 * @param bodyTimeout from a request's first byte to the last one of its body, at most
 * @param idleTimeout how long a connection may be silent
 * @param grace how long requests in progress may take after a signal to end
 */
public record ServeOptions(
    String host,
    int port,
    Optional<String> apiKey,
    Optional<String> corsOrigin,
    int maxBatch,
    int maxQueue,
    Duration requestTimeout,
    int maxBodyBytes,
    int maxConnections,
    Duration bodyTimeout,
    Duration idleTimeout,
    Duration grace) {
  /** The defaults: this machine only. */
  public static final ServeOptions DEFAULT =
      new ServeOptions(
          "127.0.0.1",
          8080,
          Optional.empty(),
          Optional.empty(),
          16,
          64,
          Duration.ofMinutes(10),
          1 << 20,
          2048,
          Duration.ofSeconds(20),
          Duration.ofSeconds(60),
          Duration.ofSeconds(10));

  /** Checks the ranges. */
  public ServeOptions {
    require(port >= 0 && port <= 65535, "--port must be 0 to 65535, got " + port);
    require(maxBatch >= 1, "--max-batch must be at least 1, got " + maxBatch);
    require(maxQueue >= 1, "--max-queue must be at least 1, got " + maxQueue);
    require(maxBodyBytes >= 1024, "--max-body must be at least 1024 bytes, got " + maxBodyBytes);
    require(maxConnections >= 1, "--max-connections must be at least 1, got " + maxConnections);
    requirePositive("--request-timeout", requestTimeout);
    requirePositive("--body-timeout", bodyTimeout);
    requirePositive("--idle-timeout", idleTimeout);
    require(!grace.isNegative(), "--grace must not be negative, got " + grace.toSeconds() + " s");
    require(
        apiKey.isEmpty() || apiKey.get().matches("[\\x21-\\x7e]+"),
        "the API key must be printable ASCII characters without spaces, got others: choose"
            + " another one");
    require(
        corsOrigin.isEmpty() || corsOrigin.get().matches("\\*|https?://[^/\\s]+"),
        "--cors must be * or an origin like https://example.org, without a path, got "
            + corsOrigin.orElse(""));
  }

  private static void requirePositive(String option, Duration value) {
    require(
        !value.isNegative() && !value.isZero(),
        option + " must be more than 0 seconds, got " + value.toSeconds());
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw UserException.usage(message);
    }
  }
}

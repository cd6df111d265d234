package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request and its answer. The answer may come later, from any thread; the first one counts.
 * Thread-safe.
 */
public final class Exchange {
  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

  private final Request request;
  private final Response response;
  private final Callback callback;
  private final ServerContext context;
  private final String label;
  private final long began = System.nanoTime();
  private final AtomicBoolean answered = new AtomicBoolean();
  private volatile String body = "";
  private volatile String segment = "";
  private volatile ClientWatch watch;

  /**
   * A request that has just arrived.
   *
   * @param label of its path in the metrics
   */
  Exchange(
      Request request, Response response, Callback callback, ServerContext context, String label) {
    this.request = request;
    this.response = response;
    this.callback = callback;
    this.context = context;
    this.label = label;
  }

  /** The body; empty for a request of GET. */
  public String body() {
    return body;
  }

  void body(String text) {
    body = text;
  }

  /** What stands in the place of {@code *} in the route's path. */
  public String segment() {
    return segment;
  }

  void segment(String text) {
    segment = text;
  }

  /** The server's counters. */
  ServerMetrics metrics() {
    return context.metrics();
  }

  /** Seconds since it arrived. */
  double seconds() {
    return (System.nanoTime() - began) * 1e-9;
  }

  /** Runs work that is too long for the engine's thread. */
  void execute(Runnable work) {
    context.executor().execute(work);
  }

  /** Runs work when the time for an answer is over, unless it is cancelled before. */
  ScheduledFuture<?> afterTimeout(Consumer<Duration> work) {
    Duration timeout = context.options().requestTimeout();
    return context
        .timer()
        .schedule(() -> work.accept(timeout), timeout.toMillis(), TimeUnit.MILLISECONDS);
  }

  /**
   * Calls back if the client leaves before it has been answered: the request is then given up.
   *
   * @param onGone ends the work for it
   */
  void watch(Runnable onGone) {
    watch =
        ClientWatch.begin(
            request,
            () -> {
              if (abort(new IllegalStateException("the client left"), "client")) {
                onGone.run();
              }
            });
    if (answered.get()) {
      watch.close();
    }
  }

  /** Answers with JSON. */
  public void json(int status, JsonNode json) {
    json(status, json, Map.of());
  }

  private void json(int status, JsonNode json, Map<String, String> headers) {
    Map<String, String> all = new HashMap<>(headers);
    all.put("Content-Type", "application/json");
    all.put("Cache-Control", "no-store");
    bytes(status, all, Json.write(json));
  }

  /** Answers with an error, in OpenAI's form. */
  public void error(ApiException error) {
    json(error.status(), error.json(), error.headers());
  }

  /** Answers with the error that a failure stands for; one that is the server's own is logged. */
  void failure(Throwable failure) {
    error(ServerErrors.of(failure, label));
  }

  /** Answers with bytes. */
  void bytes(int status, Map<String, String> headers, byte[] content) {
    if (!answered.compareAndSet(false, true)) {
      return;
    }
    closeWatch();
    response.setStatus(status);
    headers.forEach((name, value) -> response.getHeaders().put(name, value));
    response.getHeaders().put(HttpHeader.CONTENT_LENGTH, content.length);
    context.metrics().answered(label, status, seconds());
    response.write(true, ByteBuffer.wrap(content), callback);
  }

  /**
   * Answers with events.
   *
   * @param onGone called if the client leaves before the last one is written
   */
  EventStream events(Runnable onGone) {
    return new EventStream(
        response,
        context.executor(),
        () -> {
          if (answered.compareAndSet(false, true)) {
            closeWatch();
            context.metrics().answered(label, 200, seconds());
            callback.succeeded();
          }
        },
        failure -> {
          if (abort(failure, "client")) {
            onGone.run();
          }
        });
  }

  /** Gives it up; its connection is closed. */
  boolean abort(Throwable failure, String reason) {
    if (!answered.compareAndSet(false, true)) {
      return false;
    }
    LOG.debug("Gave up a request of {}", label, failure);
    closeWatch();
    context.metrics().aborted(reason);
    callback.failed(failure);
    return true;
  }

  private void closeWatch() {
    ClientWatch open = watch;
    if (open != null) {
      open.close();
    }
  }
}

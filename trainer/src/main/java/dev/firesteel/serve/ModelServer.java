package dev.firesteel.serve;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.net.BindException;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.CrossOriginHandler;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An HTTP server with OpenAI's protocol for models of an engine. Requests are handled without a
 * thread each: their bodies and answers come and leave as the network allows, so that many slow
 * clients cost little.
 */
public final class ModelServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ModelServer.class);
  private static final int THREADS = 32;
  private static final int MOST_HEADER_BYTES = 16 << 10;

  private final ServeOptions options;
  private final Server server;
  private final ServerConnector connector;
  private final ApiHandler handler;
  private final ScheduledThreadPoolExecutor timer;
  private final HeaderDeadline headers;
  private final boolean loopback;

  /**
   * A server that does not listen yet.
   *
   * @param more routes beside those of the protocol
   * @throws UserException if the host is unknown
   */
  public ModelServer(ServedModels models, ServeOptions options, List<Route> more) {
    this.options = options;
    try {
      loopback = AccessRules.isLoopback(options.host());
    } catch (UnknownHostException e) {
      throw UserException.usage(
          "--host must be an address of this machine or its name, got %s, which is unknown: correct it"
              .formatted(options.host()),
          e);
    }
    QueuedThreadPool threads = new QueuedThreadPool(THREADS);
    threads.setName("firesteel-http");
    threads.setDaemon(true);
    server = new Server(threads);
    timer =
        new ScheduledThreadPoolExecutor(
            1,
            work -> {
              Thread thread = new Thread(work, "firesteel-http-timer");
              thread.setDaemon(true);
              return thread;
            });
    // Else each request is held until its timeout would have come.
    timer.setRemoveOnCancelPolicy(true);
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    http.setSendDateHeader(true);
    http.setRequestHeaderSize(MOST_HEADER_BYTES);
    // A connection's cache of headers else takes a key for another one that differs in case alone.
    http.setHeaderCacheCaseSensitive(true);
    connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
    connector.setHost(options.host());
    connector.setPort(options.port());
    connector.setIdleTimeout(options.idleTimeout().toMillis());
    connector.setAcceptQueueSize(1024);
    headers = new HeaderDeadline(options.bodyTimeout());
    connector.addBean(headers);
    server.addConnector(connector);
    server.addBean(new NetworkConnectionLimit(options.maxConnections(), connector));
    ServerMetrics metrics = new ServerMetrics(models.engine());
    handler =
        new ApiHandler(
            new ServerContext(options, metrics, threads, timer),
            new AccessRules(options, loopback),
            new Routes(models, metrics, more),
            headers);
    server.setHandler(withCors(handler));
    server.setErrorHandler(new ServerErrors());
  }

  private Handler withCors(Handler inner) {
    if (options.corsOrigin().isEmpty()) {
      return inner;
    }
    CrossOriginHandler cors = new CrossOriginHandler();
    String origin = options.corsOrigin().get();
    cors.setAllowedOriginPatterns(Set.of(origin.equals("*") ? origin : Pattern.quote(origin)));
    cors.setAllowedMethods(Set.of(HttpMethod.GET.asString(), HttpMethod.POST.asString()));
    cors.setAllowedHeaders(Set.of("Authorization", "Content-Type"));
    // A key is sent by the page's script; no cookies.
    cors.setAllowCredentials(false);
    cors.setDeliverPreflightRequests(false);
    cors.setHandler(inner);
    return cors;
  }

  /**
   * Listens.
   *
   * @throws UserException if the port is in use, or the address is not this machine's
   */
  @SuppressWarnings("FutureReturnValueIgnored") // Repeated until the timer is shut down.
  public void start() {
    try {
      server.start();
    } catch (IOException e) {
      close();
      boolean used = e instanceof BindException || e.getCause() instanceof BindException;
      throw UserException.usage(
          used
              ? "--port must be free, got %d, which another program uses on %s: choose another one, or 0 for any"
                  .formatted(options.port(), options.host())
              : "the server must be able to listen on %s, port %d, got: %s; correct --host or --port"
                  .formatted(options.host(), options.port(), e.getMessage()),
          e);
    } catch (Exception e) {
      close();
      throw new IllegalStateException("the HTTP server did not start", e);
    }
    timer.scheduleAtFixedRate(headers::check, 1, 1, TimeUnit.SECONDS);
  }

  /** Timeouts that are yet to come. */
  int timeouts() {
    return timer.getQueue().size();
  }

  /** Where it listens, such as {@code http://127.0.0.1:8080}. */
  public String url() {
    String host = options.host().contains(":") ? "[" + options.host() + "]" : options.host();
    return "http://%s:%d".formatted(host, connector.getLocalPort());
  }

  /** Whether others than this machine may use it without a key. */
  public boolean openToAll() {
    return !loopback && options.apiKey().isEmpty();
  }

  /**
   * Ends: new requests are refused from now on, those in progress have the time of grace, and are
   * given up then.
   */
  public void drain() {
    handler.endSoon();
    long end = System.nanoTime() + options.grace().toNanos();
    while (handler.inProgress() > 0 && System.nanoTime() < end) {
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** Closes all connections; to be called after the engine was closed, which ends the answers. */
  @Override
  public void close() {
    try {
      server.stop();
    } catch (Exception e) {
      LOG.warn("The HTTP server did not stop cleanly", e);
    }
    timer.shutdownNow();
  }
}

package dev.firesteel.serve;

import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Takes each request to its route: checks who sends it, reads its body, and answers failures. */
final class ApiHandler extends Handler.Abstract {
  private final ServerContext context;
  private final AccessRules access;
  private final Routes routes;
  private final HeaderDeadline heads;
  private final AtomicInteger inProgress = new AtomicInteger();
  private volatile boolean ending;

  ApiHandler(ServerContext context, AccessRules access, Routes routes, HeaderDeadline heads) {
    this.context = context;
    this.heads = heads;
    this.access = access;
    this.routes = routes;
  }

  /** From now on, requests are refused (503); those in progress continue. */
  void endSoon() {
    ending = true;
  }

  /** Requests in progress. */
  int inProgress() {
    return inProgress.get();
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    String path = Request.getPathInContext(request);
    Connection connection = request.getConnectionMetaData().getConnection();
    inProgress.incrementAndGet();
    heads.began(connection);
    Exchange exchange =
        new Exchange(
            request,
            response,
            Callback.from(
                () -> {
                  heads.ended(connection);
                  inProgress.decrementAndGet();
                },
                callback),
            context,
            routes.label(path));
    // A computation takes as long as it takes: the request timeout bounds it.
    request.addIdleTimeoutListener(timeout -> false);
    response.getHeaders().put("X-Content-Type-Options", "nosniff");
    try {
      access.checkHost(request);
      Route route = routes.find(request.getMethod(), path);
      if (route.access() == Route.Access.KEY) {
        access.checkKey(request);
      }
      if (ending) {
        throw ApiException.unavailable(
                "shutting_down", "the server must be running, but is shutting down: use another")
            .with("Connection", "close");
      }
      exchange.segment(route.segment(path));
      if (route.method().equals("POST")) {
        AccessRules.checkContentType(request);
        RequestBody.read(
            request,
            context,
            body -> {
              exchange.body(body);
              serve(route, exchange);
            },
            exchange::error);
      } else {
        serve(route, exchange);
      }
    } catch (ApiException error) {
      // After its body: a client that is still sending would find the connection closed.
      RequestBody.read(
          request,
          context,
          body -> exchange.error(error),
          late -> exchange.error(error.with("Connection", "close")));
    }
    return true;
  }

  private static void serve(Route route, Exchange exchange) {
    try {
      route.endpoint().handle(exchange);
    } catch (RuntimeException failure) {
      exchange.failure(failure);
    } catch (StackOverflowError | OutOfMemoryError failure) {
      // Of one request: the others continue.
      exchange.failure(failure);
    }
  }
}

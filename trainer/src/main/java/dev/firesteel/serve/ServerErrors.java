package dev.firesteel.serve;

import dev.firesteel.error.UserException;
import dev.firesteel.generate.EngineClosedException;
import dev.firesteel.generate.QueueFullException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletionException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All errors in OpenAI's form: those of this server, and those that Jetty finds before a request
 * reaches it, such as a header that is too long.
 */
final class ServerErrors extends ErrorHandler {
  private static final Logger LOG = LoggerFactory.getLogger(ServerErrors.class);

  /**
   * The error that a failure stands for, as it was thrown or as a later stage of its future passes
   * it on; one that is the server's own is logged.
   */
  static ApiException of(Throwable failure, String path) {
    if (failure instanceof CompletionException && failure.getCause() != null) {
      return of(failure.getCause(), path);
    }
    if (failure instanceof ApiException error) {
      return error;
    }
    if (failure instanceof QueueFullException full) {
      return ApiException.overloaded(full.getMessage());
    }
    if (failure instanceof EngineClosedException) {
      return ApiException.unavailable(
          "shutting_down", "the server must be running, but is shutting down: use another");
    }
    if (failure instanceof UserException mistake && mistake.kind() == UserException.Kind.USAGE) {
      return ApiException.invalid(mistake.getMessage());
    }
    LOG.error("A request of {} failed", path, failure);
    return failure instanceof UserException mistake
        ? ApiException.unavailable("failed", mistake.getMessage())
        : ApiException.internal();
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    int status = response.getStatus();
    Object message = request.getAttribute(ERROR_MESSAGE);
    String reason = message == null ? HttpStatus.getMessage(status) : message.toString();
    byte[] body =
        Json.write(
            ApiException.request(
                    status,
                    "http_error",
                    "the request must be HTTP/1.1 within this server's limits, got: %s; correct it"
                        .formatted(Routes.shown(reason)))
                .json());
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
    response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
    response.write(true, ByteBuffer.wrap(body), callback);
    return true;
  }
}

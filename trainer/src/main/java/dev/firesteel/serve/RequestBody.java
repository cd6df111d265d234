package dev.firesteel.serve;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/**
 * Reads a request's body without holding a thread while it arrives: at most so many bytes, in at
 * most so much time, and in UTF-8. A body that is too long is read to its end nevertheless, up to a
 * limit, and thrown away: a client that is still sending would not read the answer.
 */
final class RequestBody implements Runnable {
  private static final long MOST_DISCARDED_BYTES = 64L << 20;

  private final Request request;
  private final int mostBytes;
  private final Consumer<String> onBody;
  private final Consumer<ApiException> onError;
  private final ByteArrayOutputStream content = new ByteArrayOutputStream();
  private final AtomicBoolean done = new AtomicBoolean();
  private volatile ScheduledFuture<?> deadline;
  private long size;

  private RequestBody(
      Request request, int mostBytes, Consumer<String> onBody, Consumer<ApiException> onError) {
    this.request = request;
    this.mostBytes = mostBytes;
    this.onBody = onBody;
    this.onError = onError;
  }

  /**
   * Begins to read.
   *
   * @param onBody called with the text
   * @param onError called instead if there is none: 400, 408 or 413
   */
  static void read(
      Request request,
      ServerContext context,
      Consumer<String> onBody,
      Consumer<ApiException> onError) {
    int mostBytes = context.options().maxBodyBytes();
    RequestBody body = new RequestBody(request, mostBytes, onBody, onError);
    if (request.getLength() > mostBytes
        && (request.getLength() > MOST_DISCARDED_BYTES
            || request.getHeaders().contains(HttpHeader.EXPECT))) {
      // The client waits for permission to send it, or would send for too long.
      body.fail(body.tooLong());
      return;
    }
    body.deadline =
        context
            .timer()
            .schedule(
                () -> {
                  if (!body.done.get()) {
                    // The demand is then met with this failure.
                    request.fail(new TimeoutException("the body took too long"));
                  }
                },
                context.options().bodyTimeout().toMillis(),
                TimeUnit.MILLISECONDS);
    body.run();
  }

  @Override
  public void run() {
    while (true) {
      Content.Chunk chunk = request.read();
      if (chunk == null) {
        request.demand(this);
        return;
      }
      if (Content.Chunk.isFailure(chunk)) {
        fail(reason(chunk.getFailure()));
        return;
      }
      boolean last = chunk.isLast();
      add(chunk.getByteBuffer());
      chunk.release();
      if (size > MOST_DISCARDED_BYTES) {
        fail(tooLong());
        return;
      }
      if (last) {
        end();
        return;
      }
    }
  }

  private void add(ByteBuffer bytes) {
    size += bytes.remaining();
    if (size > mostBytes) {
      content.reset();
      return;
    }
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(copy);
    content.writeBytes(copy);
  }

  private static ApiException reason(Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof TimeoutException) {
        return ApiException.request(
                408,
                "body_timeout",
                "the body must arrive in time, got only a part of it: send it faster, or raise"
                    + " --body-timeout")
            .with("Connection", "close");
      }
    }
    return ApiException.invalid("the body must be whole, got a broken one: send it again")
        .with("Connection", "close");
  }

  private ApiException tooLong() {
    return ApiException.request(
            413,
            "body_too_large",
            "the body must have at most %,d bytes, got more: shorten the prompt, or raise --max-body"
                .formatted(mostBytes))
        .with("Connection", "close");
  }

  private void end() {
    if (size > mostBytes) {
      fail(tooLong());
      return;
    }
    String text;
    try {
      text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(content.toByteArray()))
              .toString();
    } catch (CharacterCodingException e) {
      fail(
          ApiException.invalid(
              null,
              "invalid_utf8",
              "the body must be text in UTF-8, got bytes that are none: encode it so"));
      return;
    }
    if (finish()) {
      onBody.accept(text);
    }
  }

  private void fail(ApiException error) {
    if (finish()) {
      onError.accept(error);
    }
  }

  private boolean finish() {
    ScheduledFuture<?> open = deadline;
    if (open != null) {
      open.cancel(false);
    }
    return done.compareAndSet(false, true);
  }
}

package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Server-sent events as OpenAI's protocol has them: {@code data: JSON} for each, then {@code data:
 * [DONE]}. Events are written in order, without blocking who sends them; those that come while one
 * is being written go together. Thread-safe.
 */
final class EventStream {
  /** A client that leaves so much unread is given up. */
  private static final int MOST_UNREAD_BYTES = 8 << 20;

  private final Response response;
  private final Executor executor;
  private final Runnable onWritten;
  private final Consumer<Throwable> onFailure;
  private ByteArrayOutputStream unwritten = new ByteArrayOutputStream();
  private boolean writing;
  private boolean ended;
  private boolean failed;

  /**
   * A stream without events.
   *
   * @param executor where events are written
   * @param onWritten called when all of a stream that has ended has been written
   * @param onFailure called instead if it cannot be, at most once
   */
  EventStream(
      Response response, Executor executor, Runnable onWritten, Consumer<Throwable> onFailure) {
    this.response = response;
    this.executor = executor;
    this.onWritten = onWritten;
    this.onFailure = onFailure;
    response.setStatus(200);
    response.getHeaders().put("Content-Type", "text/event-stream;charset=utf-8");
    response.getHeaders().put("Cache-Control", "no-cache");
    // Reverse proxies must pass on each event at once.
    response.getHeaders().put("X-Accel-Buffering", "no");
  }

  /** Sends an event. */
  void send(JsonNode event) {
    write("data: ".getBytes(StandardCharsets.UTF_8), Json.write(event), false);
  }

  /** Sends the last event. */
  void end() {
    write(new byte[0], "data: [DONE]".getBytes(StandardCharsets.UTF_8), true);
  }

  private void write(byte[] prefix, byte[] data, boolean last) {
    boolean tooMuch;
    synchronized (this) {
      if (failed || ended) {
        return;
      }
      ended = last;
      unwritten.writeBytes(prefix);
      unwritten.writeBytes(data);
      unwritten.write('\n');
      unwritten.write('\n');
      tooMuch = unwritten.size() > MOST_UNREAD_BYTES;
      if (!tooMuch) {
        if (writing) {
          return;
        }
        writing = true;
      }
    }
    if (tooMuch) {
      fail(new IllegalStateException("the client reads its answer too slowly"));
    } else {
      executor.execute(this::writeNext);
    }
  }

  private void writeNext() {
    ByteBuffer next;
    boolean last;
    synchronized (this) {
      next = ByteBuffer.wrap(unwritten.toByteArray());
      unwritten = new ByteArrayOutputStream();
      last = ended;
    }
    response.write(
        last,
        next,
        Callback.from(
            () -> {
              if (last) {
                onWritten.run();
              } else {
                written();
              }
            },
            this::fail));
  }

  private void written() {
    synchronized (this) {
      if (unwritten.size() == 0 || failed) {
        writing = false;
        return;
      }
    }
    executor.execute(this::writeNext);
  }

  private void fail(Throwable failure) {
    synchronized (this) {
      if (failed) {
        return;
      }
      failed = true;
      unwritten = new ByteArrayOutputStream();
    }
    onFailure.accept(failure);
  }
}

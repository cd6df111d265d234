package dev.firesteel.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** A connection on which a test sends any bytes. */
final class RawClient implements AutoCloseable {
  private final Socket socket;
  private final InputStream in;

  RawClient(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(20_000);
    socket.setTcpNoDelay(true);
    in = new java.io.BufferedInputStream(socket.getInputStream());
  }

  /** Sends a request, and returns the answer and all that follows it until the connection ends. */
  static String once(int port, String request) throws IOException {
    try (RawClient client = new RawClient(port)) {
      client.send(request.getBytes(StandardCharsets.ISO_8859_1));
      return client.answer().text();
    }
  }

  /** An answer to a request. */
  record Answer(int status, String head, String body) {
    String text() {
      return head + body;
    }

    boolean closes() {
      return head.toLowerCase(Locale.ROOT).contains("\r\nconnection: close");
    }
  }

  void send(byte... bytes) throws IOException {
    socket.getOutputStream().write(bytes);
    socket.getOutputStream().flush();
  }

  /** Posts JSON; {@code '} in it stands for a quotation mark. */
  void post(String path, String json) throws IOException {
    byte[] body = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    String head =
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            .formatted(path, body.length);
    send(head.getBytes(StandardCharsets.ISO_8859_1));
    send(body);
  }

  /** Reads until the connection ends; false if it does not in time. */
  boolean ends() throws IOException {
    try {
      while (in.read() >= 0) {
        // What is still on its way.
      }
      return true;
    } catch (java.net.SocketTimeoutException e) {
      return false;
    } catch (java.net.SocketException e) {
      // Reset.
      return true;
    }
  }

  /** One byte of the answer. */
  int read() throws IOException {
    return in.read();
  }

  /**
   * Reads an answer with a length, or in chunks, or until the connection ends.
   *
   * @return null if the connection ends before it
   */
  Answer answer() throws IOException {
    String head = head();
    if (head.isEmpty()) {
      return null;
    }
    int status = Integer.parseInt(head.substring(9, 12));
    String lower = head.toLowerCase(Locale.ROOT);
    int at = lower.indexOf("\r\ncontent-length:");
    if (at >= 0) {
      int from = at + "\r\ncontent-length:".length();
      int length = Integer.parseInt(lower.substring(from, lower.indexOf("\r\n", from)).strip());
      return new Answer(status, head, new String(in.readNBytes(length), StandardCharsets.UTF_8));
    }
    if (lower.contains("\r\ntransfer-encoding: chunked")) {
      ByteArrayOutputStream body = new ByteArrayOutputStream();
      while (true) {
        int length = Integer.parseInt(line().strip(), 16);
        body.writeBytes(in.readNBytes(length));
        line();
        if (length == 0) {
          return new Answer(status, head, body.toString(StandardCharsets.UTF_8));
        }
      }
    }
    return new Answer(status, head, "");
  }

  private String head() throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.length() < 4 || !head.substring(head.length() - 4).equals("\r\n\r\n")) {
      int next = in.read();
      if (next < 0) {
        return "";
      }
      head.append((char) next);
    }
    return head.toString();
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    int next;
    while ((next = in.read()) != '\n') {
      if (next < 0) {
        throw new IOException("the connection ended within a chunk");
      }
      line.append((char) next);
    }
    return line.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}

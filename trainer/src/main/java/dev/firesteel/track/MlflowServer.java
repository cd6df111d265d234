package dev.firesteel.track;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;

/**
 * MLflow's REST API ({@code mlflow.org/docs/latest/rest-api.html}) by the JDK's own connections,
 * which need no threads: each call blocks at most for the connection's timeouts, and leaves nothing
 * behind.
 *
 * <p>MLflow's Java client is not used: it is 8.6 MB with copies of Guava, Protocol Buffers and
 * Apache's HTTP client, is of an older release than the servers, and writes artifacts by starting
 * MLflow's Python program.
 */
final class MlflowServer {
  static final ObjectMapper JSON = new ObjectMapper();

  private static final String API = "/api/2.0/mlflow/";
  private static final String ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/";
  private static final int LONGEST_ANSWER = 1 << 24;

  private final String uri;
  private final Optional<String> authorization;
  private final int timeoutMillis;

  /** The server answered with an error. */
  static final class Refused extends IOException {
    private static final long serialVersionUID = 1L;
    private final int status;
    private final String code;

    Refused(int status, String code, String message) {
      super(message);
      this.status = status;
      this.code = code;
    }

    /** MLflow's error code, such as {@code RESOURCE_DOES_NOT_EXIST}; empty if there is none. */
    String code() {
      return code;
    }

    /** Whether the same request would be refused again, so that it is of no use to repeat it. */
    boolean isFinal() {
      return status >= 400
          && status < 500
          && status != HttpURLConnection.HTTP_UNAUTHORIZED
          && status != HttpURLConnection.HTTP_FORBIDDEN
          && status != HttpURLConnection.HTTP_CLIENT_TIMEOUT
          && status != 429;
    }
  }

  /** Has no passwords. */
  private static final class NoAuthenticator extends Authenticator {}

  /** Content of an artifact. */
  @FunctionalInterface
  interface Content {
    InputStream open() throws IOException;
  }

  /**
   * @param uri address of the server
   * @param environment variables with the credentials, as of MLflow's own clients
   * @param timeout of a connection, and of each wait for an answer
   */
  MlflowServer(String uri, Map<String, String> environment, Duration timeout) {
    this.uri = uri;
    this.authorization = authorization(environment);
    this.timeoutMillis = Math.toIntExact(timeout.toMillis());
  }

  private static Optional<String> authorization(Map<String, String> environment) {
    String token = environment.get("MLFLOW_TRACKING_TOKEN");
    String user = environment.get("MLFLOW_TRACKING_USERNAME");
    if (user != null) {
      String pair = user + ":" + environment.getOrDefault("MLFLOW_TRACKING_PASSWORD", "");
      return Optional.of(
          "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8)));
    }
    return token == null ? Optional.empty() : Optional.of("Bearer " + token);
  }

  /** Reads an object by one parameter. */
  JsonNode get(String call, String name, String value) throws IOException {
    String query = name + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
    return answer(connection("GET", API + call + "?" + query));
  }

  /** Makes a call. */
  JsonNode post(String call, JsonNode body) throws IOException {
    HttpURLConnection connection = connection("POST", API + call);
    byte[] json = JSON.writeValueAsBytes(body);
    connection.setRequestProperty("Content-Type", "application/json");
    connection.setDoOutput(true);
    connection.setFixedLengthStreamingMode(json.length);
    try (OutputStream out = connection.getOutputStream()) {
      out.write(json);
    }
    return answer(connection);
  }

  /**
   * Uploads an artifact through the server.
   *
   * @param path of the artifact behind {@code mlflow-artifacts:/}
   * @param length of the content in bytes
   */
  void upload(String path, long length, Content content) throws IOException {
    HttpURLConnection connection = connection("PUT", ARTIFACTS + encoded(path));
    connection.setRequestProperty("Content-Type", "application/octet-stream");
    connection.setDoOutput(true);
    connection.setFixedLengthStreamingMode(length);
    try (InputStream in = content.open();
        OutputStream out = connection.getOutputStream()) {
      HadoopFiles.copy(in, out);
    }
    answer(connection);
  }

  private static String encoded(String path) throws IOException {
    try {
      return new URI(null, null, path, null).getRawPath();
    } catch (URISyntaxException e) {
      throw new IOException("no path of an artifact: " + path, e);
    }
  }

  private HttpURLConnection connection(String method, String path) throws IOException {
    HttpURLConnection connection =
        (HttpURLConnection) URI.create(uri + path).toURL().openConnection();
    connection.setRequestMethod(method);
    connection.setConnectTimeout(timeoutMillis);
    connection.setReadTimeout(timeoutMillis);
    connection.setUseCaches(false);
    connection.setRequestProperty("Connection", "close");
    // With one of its own it takes no connection that was kept alive, which the server may have
    // closed: what is streamed to such a one is lost (the JDK looks at it for POST alone).
    connection.setAuthenticator(new NoAuthenticator());
    authorization.ifPresent(value -> connection.setRequestProperty("Authorization", value));
    return connection;
  }

  private static JsonNode answer(HttpURLConnection connection) throws IOException {
    try {
      int status = connection.getResponseCode();
      boolean refused = status < 200 || status >= 300;
      byte[] body = new byte[0];
      try (InputStream in = refused ? connection.getErrorStream() : connection.getInputStream()) {
        body = in == null ? body : in.readNBytes(LONGEST_ANSWER);
      }
      JsonNode json = json(body);
      if (refused) {
        throw new Refused(
            status,
            json.path("error_code").asText(""),
            "the server answered with status %d%s"
                .formatted(
                    status,
                    json.path("message").isTextual() ? ": " + json.get("message").asText() : ""));
      }
      return json;
    } finally {
      connection.disconnect();
    }
  }

  private static JsonNode json(byte[] body) throws IOException {
    try {
      return body.length == 0 ? JSON.createObjectNode() : JSON.readTree(body);
    } catch (JsonProcessingException e) {
      return JSON.createObjectNode(); // A page of a proxy.
    }
  }

  @Override
  public String toString() {
    return uri;
  }
}

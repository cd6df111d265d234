package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;

/**
 * A request that cannot be served, in the form of OpenAI's protocol: {@code
 * {"error":{"message","type","param","code"}}} with an HTTP status.
 */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String type;
  private final String param;
  private final String code;
  private final transient Map<String, String> headers;

  private ApiException(
      int status,
      String type,
      String param,
      String code,
      String message,
      Map<String, String> headers) {
    // What it quotes of a request may hold anything.
    super(printable(message));
    this.status = status;
    this.type = type;
    this.param = param;
    this.code = code;
    this.headers = Map.copyOf(headers);
  }

  /** A text without control characters, which could steer a terminal. */
  static String printable(String text) {
    return text.replaceAll("[\\p{Cntrl}\\x80-\\x9f]", "?");
  }

  /** The request itself is wrong (400). */
  public static ApiException invalid(String message) {
    return request(400, null, message);
  }

  /** A field of the request's body is wrong (400). */
  public static ApiException invalid(String param, String message) {
    return new ApiException(400, "invalid_request_error", param, null, message, Map.of());
  }

  /** A field of the request's body is wrong (400), with a code that programs know. */
  static ApiException invalid(String param, String code, String message) {
    return new ApiException(400, "invalid_request_error", param, code, message, Map.of());
  }

  /** The request is wrong in the way that the status says. */
  static ApiException request(int status, String code, String message) {
    return new ApiException(status, "invalid_request_error", null, code, message, Map.of());
  }

  /** There is no model of that name (404). */
  static ApiException unknownModel(String message) {
    return new ApiException(
        404, "invalid_request_error", "model", "model_not_found", message, Map.of());
  }

  /** The request has no valid API key (401). */
  static ApiException unauthorized(String message) {
    return new ApiException(
        401,
        "invalid_request_error",
        null,
        "invalid_api_key",
        message,
        Map.of("WWW-Authenticate", "Bearer"));
  }

  /** Too many requests wait (429). */
  static ApiException overloaded(String message) {
    return new ApiException(
        429, "rate_limit_error", null, "queue_full", message, Map.of("Retry-After", "1"));
  }

  /** The server cannot serve this now (503). */
  static ApiException unavailable(String code, String message) {
    return new ApiException(503, "server_error", null, code, message, Map.of());
  }

  /** A defect of the server (500). */
  static ApiException internal() {
    return new ApiException(
        500,
        "server_error",
        null,
        "internal_error",
        "the server failed on this request; its log has the reason",
        Map.of());
  }

  /** The same with one more header in the response. */
  ApiException with(String header, String value) {
    Map<String, String> more = new HashMap<>(headers);
    more.put(header, value);
    return new ApiException(status, type, param, code, getMessage(), more);
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** Headers of the response. */
  Map<String, String> headers() {
    return headers;
  }

  /** The body of the response. */
  ObjectNode json() {
    ObjectNode body = Json.object();
    body.putObject("error")
        .put("message", getMessage())
        .put("type", type)
        .put("param", param)
        .put("code", code);
    return body;
  }
}

package dev.firesteel.serve;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/** {@code GET /metrics}: Prometheus's text format, version 0.0.4. */
final class MetricsEndpoint implements Endpoint {
  private final ServerMetrics metrics;

  MetricsEndpoint(ServerMetrics metrics) {
    this.metrics = metrics;
  }

  @Override
  public void handle(Exchange exchange) {
    exchange.bytes(
        200,
        Map.of("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
        metrics.text().getBytes(StandardCharsets.UTF_8));
  }
}

package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** {@code GET /health}: whether requests are served; 503 while the server ends. */
final class HealthEndpoint implements Endpoint {
  private final ServedModels models;

  HealthEndpoint(ServedModels models) {
    this.models = models;
  }

  @Override
  public void handle(Exchange exchange) {
    if (!models.engine().isOpen()) {
      throw ApiException.unavailable(
          "engine_stopped",
          "the engine must run, but has stopped; the log has the reason: start the server again");
    }
    ObjectNode body = Json.object().put("status", "ok");
    ArrayNode names = body.putArray("models");
    models.all().forEach(model -> names.add(model.id()));
    exchange.json(200, body);
  }
}

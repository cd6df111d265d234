package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** {@code GET /v1/models} and {@code GET /v1/models/ID}. */
final class ModelsEndpoint {
  private final ServedModels models;

  ModelsEndpoint(ServedModels models) {
    this.models = models;
  }

  /** All models. */
  void list(Exchange exchange) {
    ObjectNode body = Json.object().put("object", "list");
    ArrayNode data = body.putArray("data");
    models.all().forEach(model -> data.add(json(model)));
    exchange.json(200, body);
  }

  /** One of them. */
  void one(Exchange exchange) {
    exchange.json(200, json(models.find(exchange.segment())));
  }

  /** OpenAI's fields, and what a page needs to know to offer a model. */
  private static ObjectNode json(ServedModel model) {
    return Json.object()
        .put("id", model.id())
        .put("object", "model")
        .put("created", model.created())
        .put("owned_by", "firesteel")
        .put("context_length", model.context())
        .put("embedding_length", model.width())
        .put("chat", model.chat().isPresent());
  }
}

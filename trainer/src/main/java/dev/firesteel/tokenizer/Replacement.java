package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;

/** One text in place of another: the {@code Replace} of normalizers and decoders. */
record Replacement(String from, String to) {
  static Replacement read(TokenizerJson json, String component, JsonNode node) {
    json.requireKeys(component, node, "pattern", "content");
    JsonNode from = node.path("pattern").path("String");
    if (node.path("pattern").size() != 1 || !from.isTextual() || from.textValue().isEmpty()) {
      throw json.unsupported(
          "%s Replace needs a pattern that is a text ({\"String\": ...}), got %s"
              .formatted(component, node.path("pattern")));
    }
    return new Replacement(from.textValue(), json.text(component, node, "content"));
  }

  String apply(String text) {
    return text.replace(from, to);
  }
}

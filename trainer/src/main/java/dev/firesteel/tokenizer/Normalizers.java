package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.text.Normalizer.Form;

/** Reads the {@code normalizer} of a {@code tokenizer.json}. */
final class Normalizers {
  private Normalizers() {}

  /** {@link Normalizer#NONE} if there is none. */
  static Normalizer read(TokenizerJson json, JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return Normalizer.NONE;
    }
    String type = node.path("type").asText();
    return switch (type) {
      case "Sequence" -> sequence(json, node);
      case "NFC" -> form(json, node, Form.NFC);
      case "NFD" -> form(json, node, Form.NFD);
      case "NFKC" -> form(json, node, Form.NFKC);
      case "NFKD" -> form(json, node, Form.NFKD);
      case "Lowercase" -> {
        json.requireKeys("normalizer", node);
        yield LetterCases::toLowerCase;
      }
      case "Prepend" -> {
        json.requireKeys("normalizer", node, "prepend");
        String prefix = json.text("normalizer", node, "prepend");
        yield text -> text.isEmpty() ? text : prefix + text;
      }
      case "Replace" -> {
        Replacement replacement = Replacement.read(json, "normalizer", node);
        yield replacement::apply;
      }
      case "BertNormalizer" -> bert(json, node);
      default ->
          throw json.unsupported(
              "normalizer %s is not supported".formatted(TokenizerJson.describe(node)));
    };
  }

  private static Normalizer sequence(TokenizerJson json, JsonNode node) {
    json.requireKeys("normalizer", node, "normalizers");
    Normalizer all = Normalizer.NONE;
    for (JsonNode step : json.list("normalizer", node, "normalizers")) {
      all = all.then(read(json, step));
    }
    return all;
  }

  private static Normalizer form(TokenizerJson json, JsonNode node, Form form) {
    json.requireKeys("normalizer", node);
    return text -> UnicodeNormalization.normalize(text, form);
  }

  private static BertNormalizer bert(TokenizerJson json, JsonNode node) {
    json.requireKeys(
        "normalizer", node, "clean_text", "handle_chinese_chars", "strip_accents", "lowercase");
    boolean lowercase = json.flag("normalizer", node, "lowercase");
    boolean given = node.hasNonNull("strip_accents");
    return new BertNormalizer(
        json.flag("normalizer", node, "clean_text"),
        json.flag("normalizer", node, "handle_chinese_chars"),
        given ? json.flag("normalizer", node, "strip_accents") : lowercase,
        lowercase);
  }

  /** Whether a normalizer may remove the beginning of a text. */
  static boolean removes(JsonNode node) {
    for (JsonNode step : node.path("normalizers")) {
      if (removes(step)) {
        return true;
      }
    }
    String type = node.path("type").asText();
    return type.equals("BertNormalizer")
        || (type.equals("Replace") && node.path("content").asText().isEmpty());
  }
}

package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** Reads which tokens the {@code post_processor} of a {@code tokenizer.json} adds to a text. */
final class PostProcessors {
  private static final String NAME = "post_processor";

  private PostProcessors() {}

  /**
   * @param vocabularySize the ids must be smaller
   */
  static SequenceTokens read(TokenizerJson json, JsonNode node, int vocabularySize) {
    if (node.isMissingNode() || node.isNull()) {
      return SequenceTokens.NONE;
    }
    String type = node.path("type").asText();
    return switch (type) {
      // Only changes offsets.
      case "ByteLevel" -> SequenceTokens.NONE;
      case "TemplateProcessing" -> template(json, node, vocabularySize);
      case "BertProcessing" -> {
        json.requireKeys(NAME, node, "sep", "cls");
        yield clsAndSep(json, node, vocabularySize);
      }
      case "RobertaProcessing" -> {
        json.requireKeys(NAME, node, "sep", "cls", "trim_offsets", "add_prefix_space");
        yield clsAndSep(json, node, vocabularySize);
      }
      case "Sequence" -> sequence(json, node, vocabularySize);
      default ->
          throw json.unsupported(
              "post_processor %s is not supported".formatted(TokenizerJson.describe(node)));
    };
  }

  /** Steps wrap what the steps before have made. */
  private static SequenceTokens sequence(TokenizerJson json, JsonNode node, int vocabularySize) {
    json.requireKeys(NAME, node, "processors");
    List<Integer> start = new ArrayList<>();
    List<Integer> end = new ArrayList<>();
    for (JsonNode step : json.list(NAME, node, "processors")) {
      SequenceTokens tokens = read(json, step, vocabularySize);
      start.addAll(0, tokens.start());
      end.addAll(tokens.end());
    }
    return new SequenceTokens(start, end);
  }

  private static SequenceTokens template(TokenizerJson json, JsonNode node, int vocabularySize) {
    json.requireKeys(NAME, node, "single", "pair", "special_tokens");
    List<Integer> start = new ArrayList<>();
    List<Integer> end = new ArrayList<>();
    boolean text = false;
    for (JsonNode piece : json.list(NAME, node, "single")) {
      JsonNode token = piece.path("SpecialToken").path("id");
      if (token.isTextual()) {
        JsonNode ids = node.path("special_tokens").path(token.textValue()).path("ids");
        if (!ids.isArray()) {
          throw json.damaged(
              "post_processor TemplateProcessing uses the token '%s', of which its special_tokens have no ids"
                  .formatted(token.textValue()));
        }
        for (JsonNode id : ids) {
          (text ? end : start).add(known(json, id, vocabularySize));
        }
      } else if (!text && piece.path("Sequence").path("id").asText().equals("A")) {
        text = true;
      } else {
        throw json.unsupported(
            "post_processor TemplateProcessing must have special tokens around one Sequence A in \"single\", got "
                + piece);
      }
    }
    if (!text) {
      throw json.unsupported(
          "post_processor TemplateProcessing must have a Sequence A in \"single\", got none");
    }
    return new SequenceTokens(start, end);
  }

  private static SequenceTokens clsAndSep(TokenizerJson json, JsonNode node, int vocabularySize) {
    return new SequenceTokens(
        List.of(known(json, node.path("cls").path(1), vocabularySize)),
        List.of(known(json, node.path("sep").path(1), vocabularySize)));
  }

  private static int known(TokenizerJson json, JsonNode id, int vocabularySize) {
    if (!id.canConvertToInt()
        || !id.isIntegralNumber()
        || id.intValue() < 0
        || id.intValue() >= vocabularySize) {
      throw json.damaged(
          "post_processor adds the id %s, but the ids are 0 to %d"
              .formatted(TokenizerJson.describe(id), vocabularySize - 1));
    }
    return id.intValue();
  }
}

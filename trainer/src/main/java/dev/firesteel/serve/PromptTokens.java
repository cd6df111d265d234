package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A text of a request, which may be given as text or as ids of tokens.
 *
 * @param text as it was given; empty if it was given as ids
 * @param ids its tokens, at least one
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record PromptTokens(Optional<String> text, int[] ids) {
  private static final int MOST = 2048;

  /**
   * Reads a field: a string, an array of strings, an array of ids, or an array of such arrays.
   *
   * @throws ApiException (400) if it is something else
   */
  static List<PromptTokens> read(String param, JsonNode given, ServedModel model) {
    List<PromptTokens> texts = new ArrayList<>();
    if (given.isTextual()) {
      return List.of(ofText(given.textValue(), model));
    }
    if (!given.isArray() || given.isEmpty()) {
      throw RequestFields.wrong(
          param,
          "a string, an array of strings, or an array of ids of tokens",
          given.isArray() ? "an empty array" : RequestFields.kind(given));
    }
    if (given.get(0).isNumber()) {
      return List.of(new PromptTokens(Optional.empty(), ids(param, given, model)));
    }
    if (given.size() > MOST) {
      throw RequestFields.wrong(
          param, "at most %d texts".formatted(MOST), given.size() + " of them");
    }
    for (int i = 0; i < given.size(); i++) {
      JsonNode each = given.get(i);
      String at = "%s[%d]".formatted(param, i);
      if (each.isTextual()) {
        texts.add(ofText(each.textValue(), model));
      } else if (each.isArray() && !each.isEmpty()) {
        texts.add(new PromptTokens(Optional.empty(), ids(at, each, model)));
      } else {
        throw RequestFields.wrong(
            at,
            "a string or an array of ids of tokens",
            each.isArray() ? "an empty array" : RequestFields.kind(each));
      }
    }
    return texts;
  }

  private static PromptTokens ofText(String text, ServedModel model) {
    return new PromptTokens(Optional.of(text), model.prompt(text));
  }

  private static int[] ids(String param, JsonNode array, ServedModel model) {
    int[] ids = new int[array.size()];
    int vocabulary = model.tokenizer().vocabularySize();
    for (int i = 0; i < ids.length; i++) {
      JsonNode id = array.get(i);
      if (!id.isIntegralNumber()
          || !id.canConvertToInt()
          || id.intValue() < 0
          || id.intValue() >= vocabulary) {
        throw RequestFields.wrong(
            "%s[%d]".formatted(param, i),
            "an id of a token, 0 to %d".formatted(vocabulary - 1),
            RequestFields.kind(id));
      }
      ids[i] = id.intValue();
    }
    return ids;
  }
}

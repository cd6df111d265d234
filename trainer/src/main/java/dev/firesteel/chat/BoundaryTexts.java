package dev.firesteel.chat;

import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The variables of a template that name a tokenizer's tokens.
 *
 * @param bos {@code bos_token}
 * @param eos {@code eos_token}
 */
public record BoundaryTexts(Optional<String> bos, Optional<String> eos) {
  /** Those of a tokenizer and its documents. */
  public static BoundaryTexts of(Tokenizer tokenizer, DocumentTokens documents) {
    return new BoundaryTexts(
        documents.start().stream().mapToObj(tokenizer::token).findFirst(),
        tokenizer.endOfText().stream().mapToObj(tokenizer::token).findFirst());
  }

  Map<String, Object> variables() {
    Map<String, Object> variables = new HashMap<>();
    bos.ifPresent(text -> variables.put("bos_token", text));
    eos.ifPresent(text -> variables.put("eos_token", text));
    return variables;
  }
}

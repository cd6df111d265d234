package dev.firesteel.example;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** The fields that a record has. */
public enum ExampleType {
  /** Recognized by the fields of each record. */
  AUTO(null, ""),
  /** {@code messages}: turns with {@code role} and {@code content}. */
  MESSAGES(ExampleKind.SFT, "messages"),
  /** {@code conversations}: turns with {@code from} and {@code value}. */
  SHAREGPT(ExampleKind.SFT, "conversations"),
  /** {@code instruction}, {@code input}, {@code output}, {@code system}, {@code history}. */
  ALPACA(ExampleKind.SFT, "instruction,output"),
  /** {@code prompt} and {@code completion}: strings, or lists of turns. */
  PROMPT_COMPLETION(ExampleKind.SFT, "prompt,completion"),
  /** {@code text}, all of it trained. */
  TEXT(ExampleKind.SFT, "text"),
  /** {@code chosen} and {@code rejected}, with or without {@code prompt}. */
  PREFERENCE(ExampleKind.PREFERENCE, "chosen,rejected"),
  /** {@code prompt} and {@code answers}, best first or with {@code ranks}. */
  RANKING(ExampleKind.PREFERENCE, "prompt,answers"),
  /** {@code prompt}, {@code completion} and {@code label}: whether it is good. */
  LABELLED(ExampleKind.LABELLED, "prompt,completion,label"),
  /** {@code prompt}, or {@code messages} that end with the user; other fields are kept. */
  PROMPTS(ExampleKind.PROMPT, "");

  private final ExampleKind kind;

  /** Names with commas between. */
  private final String required;

  ExampleType(ExampleKind kind, String required) {
    this.kind = kind;
    this.required = required;
  }

  /** Whether records of this type are examples of a kind. */
  public boolean is(ExampleKind wanted) {
    return this == AUTO || kind == wanted;
  }

  /** The fields that a record must have. */
  public List<String> required() {
    return required.isEmpty() ? List.of() : List.of(required.split(",", -1));
  }

  /** The name in configurations. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The types of a kind. */
  static List<ExampleType> of(ExampleKind kind) {
    return Stream.of(values()).filter(type -> type.kind == kind).toList();
  }

  /** The first type of a kind whose fields a record has. */
  static Optional<ExampleType> recognize(ExampleKind kind, JsonNode fields) {
    return of(kind).stream()
        .filter(type -> type.required().stream().allMatch(fields::has))
        .findFirst();
  }
}

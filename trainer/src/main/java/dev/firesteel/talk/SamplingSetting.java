package dev.firesteel.talk;

import dev.firesteel.error.UserException;
import dev.firesteel.generate.GenerationOptions;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The settings of sampling by the names that users type; those of OpenAI's interface. */
enum SamplingSetting {
  TEMPERATURE("divides the logits; 0 always takes the most likely token"),
  TOP_P("samples from the fewest most likely tokens with this total probability"),
  TOP_K("samples from this many most likely tokens; 0 is all"),
  MIN_P("samples from tokens at least this many times as likely as the top one"),
  REPETITION_PENALTY("above 1 penalizes tokens that already occur"),
  MAX_TOKENS("the most tokens of an answer"),
  SEED("the same seed gives the same answer"),
  STOP("an answer ends before this text; none removes it");

  /** What removes a stop string. */
  private static final String NONE = "none";

  private final String meaning;

  SamplingSetting(String meaning) {
    this.meaning = meaning;
  }

  /** The name that users type. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  String meaning() {
    return meaning;
  }

  /**
   * The setting of a name, with {@code -} or {@code _} in it.
   *
   * @throws UserException if there is none
   */
  static SamplingSetting of(String name) {
    String wanted = name.toLowerCase(Locale.ROOT).replace('-', '_');
    Optional<SamplingSetting> found =
        Stream.of(values()).filter(each -> each.label().equals(wanted)).findFirst();
    return found.orElseThrow(
        () ->
            UserException.usage(
                "a setting must be one of %s, got %s: correct the name"
                    .formatted(
                        Stream.of(values())
                            .map(SamplingSetting::label)
                            .collect(Collectors.joining(", ")),
                        name)));
  }

  /** The value in some options, as text. */
  String value(GenerationOptions options) {
    return switch (this) {
      case TEMPERATURE -> number(options.temperature());
      case TOP_P -> number(options.topP());
      case TOP_K -> String.valueOf(options.topK());
      case MIN_P -> number(options.minP());
      case REPETITION_PENALTY -> number(options.repetitionPenalty());
      case MAX_TOKENS -> String.valueOf(options.maxTokens());
      case SEED -> String.valueOf(options.seed());
      case STOP ->
          options.stopStrings().isEmpty()
              ? NONE
              : options.stopStrings().stream()
                  .map(text -> text.replace("\n", "\\n").replace("\t", "\\t"))
                  .collect(Collectors.joining(" "));
    };
  }

  /** A value without a point and zeros that say nothing. */
  private static String number(double value) {
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  /**
   * The options with another value.
   *
   * @throws UserException if it is none for this setting
   */
  GenerationOptions set(GenerationOptions options, String value) {
    GenerationOptions.Builder changed = options.toBuilder();
    switch (this) {
      case TEMPERATURE -> changed.temperature(real(value));
      case TOP_P -> changed.topP(real(value));
      case TOP_K -> changed.topK(integer(value));
      case MIN_P -> changed.minP(real(value));
      case REPETITION_PENALTY -> changed.repetitionPenalty(real(value));
      case MAX_TOKENS -> changed.maxTokens(integer(value));
      case SEED -> changed.seed(whole(value));
      case STOP ->
          changed.stopStrings(
              value.equals(NONE)
                  ? List.of()
                  : List.of(value.replace("\\n", "\n").replace("\\t", "\t")));
    }
    return changed.build();
  }

  private double real(String value) {
    try {
      return Double.parseDouble(value);
    } catch (NumberFormatException e) {
      throw UserException.usage(
          "%s must be a number, got %s: correct the value".formatted(label(), value), e);
    }
  }

  private int integer(String value) {
    long whole = whole(value);
    if (whole != (int) whole) {
      throw UserException.usage(
          "%s must be at most %d, got %s: correct the value"
              .formatted(label(), Integer.MAX_VALUE, value));
    }
    return (int) whole;
  }

  private long whole(String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw UserException.usage(
          "%s must be a whole number, got %s: correct the value".formatted(label(), value), e);
    }
  }
}

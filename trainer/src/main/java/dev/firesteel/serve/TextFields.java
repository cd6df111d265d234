package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.LogitAdjustments;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The fields that chat completions and completions have in common. */
final class TextFields {
  /** As many stop strings as OpenAI's protocol allows. */
  private static final int MOST_STOPS = 4;

  /** Choices of one request. */
  static final int MOST_CHOICES = 128;

  /** Alternatives of a token. */
  static final int MOST_TOP = 20;

  private static final SecureRandom SEEDS = new SecureRandom();

  private TextFields() {}

  /**
   * How to sample. Beside OpenAI's fields there are {@code top_k}, {@code min_p} and {@code
   * repetition_penalty}, under the names that other servers give them.
   *
   * @param maxTokens the longest answer
   * @param moreStops texts that end an answer, beside the request's
   */
  static GenerationOptions options(RequestFields fields, int maxTokens, List<String> moreStops) {
    List<String> stops = new ArrayList<>(fields.texts("stop", MOST_STOPS));
    if (stops.contains("")) {
      throw RequestFields.wrong("stop", "strings that are not empty", "an empty one");
    }
    stops.addAll(moreStops);
    double topP = fields.number("top_p", 0, 1).orElse(1);
    double repetition = fields.number("repetition_penalty", 0, 100).orElse(1);
    if (topP == 0) {
      // OpenAI allows it: the most likely token alone.
      topP = Double.MIN_NORMAL;
    }
    if (repetition == 0) {
      throw RequestFields.wrong("repetition_penalty", "more than 0", "0");
    }
    return GenerationOptions.builder()
        .maxTokens(maxTokens)
        .temperature(fields.number("temperature", 0, 2).orElse(1))
        .topP(topP)
        .topK(fields.integer("top_k", 0, Integer.MAX_VALUE).orElse(0))
        .minP(fields.number("min_p", 0, 1).orElse(0))
        .repetitionPenalty(repetition)
        .stopStrings(stops)
        .seed(fields.longInteger("seed").orElseGet(SEEDS::nextLong))
        .build();
  }

  /** What is added to logits. */
  static LogitAdjustments adjustments(RequestFields fields, ServedModel model) {
    return new LogitAdjustments(
        fields.number("frequency_penalty", -2, 2).orElse(0),
        fields.number("presence_penalty", -2, 2).orElse(0),
        bias(fields, model.tokenizer().vocabularySize()));
  }

  private static Map<Integer, Double> bias(RequestFields fields, int vocabulary) {
    Optional<JsonNode> given = fields.any("logit_bias");
    Map<Integer, Double> bias = new HashMap<>();
    if (given.isPresent()) {
      if (!given.get().isObject()) {
        throw RequestFields.wrong(
            "logit_bias", "an object of ids and numbers", RequestFields.kind(given.get()));
      }
      given
          .get()
          .properties()
          .forEach(
              entry -> {
                String key = entry.getKey();
                JsonNode value = entry.getValue();
                boolean id = key.matches("\\d{1,9}") && Integer.parseInt(key) < vocabulary;
                if (!id || !value.isNumber() || Math.abs(value.doubleValue()) > 100) {
                  throw RequestFields.wrong(
                      "logit_bias",
                      "an object that gives ids of tokens, 0 to %d, numbers from -100 to 100"
                          .formatted(vocabulary - 1),
                      "%s for %s".formatted(RequestFields.kind(value), Routes.shown(key)));
                }
                bias.put(Integer.parseInt(key), value.doubleValue());
              });
    }
    return bias;
  }

  /** The most choices of all prompts of a request. */
  static int mostChoices(ServedModels models) {
    return Math.min(MOST_CHOICES, models.engine().mostChoices());
  }

  /** How many choices to make of each prompt. */
  static int choices(RequestFields fields, ServedModels models) {
    return fields.integer("n", 1, mostChoices(models)).orElse(1);
  }

  /**
   * How many alternatives of each token to report; -1 for no log-probabilities.
   *
   * @param wanted whether the request has {@code logprobs: true}
   */
  static int topScores(RequestFields fields, boolean wanted) {
    int top = fields.integer("top_logprobs", 0, MOST_TOP).orElse(0);
    if (!wanted && top > 0) {
      throw ApiException.invalid(
          "top_logprobs",
          "top_logprobs must come with logprobs: true, got a request without: add it or leave it out");
    }
    return wanted ? top : -1;
  }

  /** Whether a stream ends with counts of tokens. */
  static boolean includeUsage(RequestFields fields, boolean stream) {
    Optional<RequestFields> options = fields.object("stream_options");
    if (options.isEmpty()) {
      return false;
    }
    if (!stream) {
      throw ApiException.invalid(
          "stream_options",
          "stream_options must come with stream: true, got a request without: add it or leave the options out");
    }
    boolean usage = options.get().flag("include_usage");
    options.get().ignore("include_obfuscation");
    options.get().finish();
    return usage;
  }

  /** Refuses a prompt that leaves no room for an answer. */
  static void requireRoom(String param, int length, ServedModel model) {
    if (length >= model.context()) {
      throw ApiException.invalid(
          param,
          "context_length_exceeded",
          "the prompt must have at most %d tokens, since the context of %s holds %d, got %d: shorten it, or use a model with a longer context"
              .formatted(model.context() - 1, model.id(), model.context(), length));
    }
  }
}

package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.error.UserException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Rotary positions in {@code config.json}. transformers 4 has {@code rope_theta} and, for scaled
 * frequencies, {@code rope_scaling}; transformers 5 has one object {@code rope_parameters} with
 * everything, and reads the others too. Both forms are written, with the same values.
 */
final class HuggingFaceRope {
  private static final String THETA = "rope_theta";
  private static final String SCALING = "rope_scaling";
  private static final String PARAMETERS = "rope_parameters";
  private static final String PARTIAL = "partial_rotary_factor";
  private static final String ORIGINAL = "original_max_position_embeddings";

  private HuggingFaceRope() {}

  static void write(ModelConfig config, ObjectNode json) {
    json.put(THETA, config.ropeTheta());
    if (config.ropeScaling().type() != RopeScalingConfig.Type.NONE) {
      write(config.ropeScaling(), json.putObject(SCALING));
    }
    write(config.ropeScaling(), json.putObject(PARAMETERS)).put(THETA, config.ropeTheta());
  }

  private static ObjectNode write(RopeScalingConfig scaling, ObjectNode json) {
    return switch (scaling.type()) {
      case NONE -> json.put("rope_type", "default");
      case LINEAR -> json.put("rope_type", "linear").put("factor", scaling.factor());
      case LLAMA3 ->
          json.put("rope_type", "llama3")
              .put("factor", scaling.factor())
              .put("low_freq_factor", scaling.slowTurns())
              .put("high_freq_factor", scaling.fastTurns())
              .put(ORIGINAL, scaling.originalContextLength());
      case YARN ->
          json.put("rope_type", "yarn")
              .put("factor", scaling.factor())
              .put("beta_slow", scaling.slowTurns())
              .put("beta_fast", scaling.fastTurns())
              .put("attention_factor", scaling.magnitude())
              .put("truncate", scaling.truncate())
              .put(ORIGINAL, scaling.originalContextLength());
    };
  }

  /**
   * The base of the frequencies.
   *
   * @throws UserException if the file gives two different ones: readers would disagree
   */
  static double theta(JsonNode json) {
    Map<String, Double> given = new LinkedHashMap<>();
    for (String key : new String[] {PARAMETERS, SCALING}) {
      put(given, key + "." + THETA, json.path(key));
    }
    put(given, THETA, json);
    if (given.values().stream().distinct().count() > 1) {
      throw UserException.usage(
          "config.json: the rotary base must be the same everywhere, got %s: correct the wrong one"
              .formatted(given));
    }
    return given.values().stream().findFirst().orElse(1e4);
  }

  private static void put(Map<String, Double> given, String as, JsonNode json) {
    if (json.hasNonNull(THETA)) {
      given.put(as, HuggingFaceConfig.number(json, THETA, Double.NaN));
    }
  }

  /**
   * The scaling of the frequencies.
   *
   * @throws UserException if it is of a kind that cannot be computed
   */
  static RopeScalingConfig scaling(JsonNode json, int contextLength) {
    String key = json.path(SCALING).isObject() ? SCALING : PARAMETERS;
    JsonNode rope = json.path(key);
    for (Map.Entry<String, JsonNode> entry : rope.properties()) {
      if (entry.getValue().isObject()) {
        throw UserException.usage(
            "config.json: %s must be the same for all layers, got one for %s: it cannot be loaded"
                .formatted(key, entry.getKey()));
      }
    }
    double rotated =
        HuggingFaceConfig.number(rope, PARTIAL, HuggingFaceConfig.number(json, PARTIAL, 1));
    if (rotated != 1) {
      throw UserException.usage(
          "config.json: %s must be 1, got %s: heads that are rotated in part cannot be loaded"
              .formatted(PARTIAL, rotated));
    }
    String type = rope.path("rope_type").asText(rope.path("type").asText("default"));
    int original =
        HuggingFaceConfig.integer(
            json, ORIGINAL, HuggingFaceConfig.integer(rope, ORIGINAL, contextLength));
    return switch (type) {
      case "default" -> RopeScalingConfig.NONE;
      case "linear" ->
          scaling(RopeScalingConfig.Type.LINEAR, number(rope, key, "factor"), 0, 1, 4, 1, true);
      case "llama3" ->
          scaling(
              RopeScalingConfig.Type.LLAMA3,
              number(rope, key, "factor"),
              original,
              number(rope, key, "low_freq_factor"),
              number(rope, key, "high_freq_factor"),
              1,
              true);
      case "yarn" -> {
        double factor =
            rope.path("factor").isNull()
                ? (double) contextLength / original
                : number(rope, key, "factor");
        yield scaling(
            RopeScalingConfig.Type.YARN,
            factor,
            original,
            orDefault(rope, "beta_slow", 1),
            orDefault(rope, "beta_fast", 32),
            magnitude(rope, factor),
            HuggingFaceConfig.flag(rope, "truncate", true));
      }
      default ->
          throw UserException.usage(
              "config.json: rope_type must be default, linear, llama3 or yarn, got \"%s\": other rotary positions cannot be computed"
                  .formatted(type));
    };
  }

  private static RopeScalingConfig scaling(
      RopeScalingConfig.Type type,
      double factor,
      int original,
      double slow,
      double fast,
      double magnitude,
      boolean truncate) {
    return new RopeScalingConfig(type, factor, original, slow, fast, magnitude, truncate);
  }

  /** YaRN's factor on cosines and sines: given, or derived from the scaling (equation 22). */
  private static double magnitude(JsonNode rope, double factor) {
    double given = HuggingFaceConfig.number(rope, "attention_factor", Double.NaN);
    if (!Double.isNaN(given)) {
      return given;
    }
    double all = HuggingFaceConfig.number(rope, "mscale", 0);
    double denominator = HuggingFaceConfig.number(rope, "mscale_all_dim", 0);
    return all != 0 && denominator != 0
        ? magnitude(factor, all) / magnitude(factor, denominator)
        : magnitude(factor, 1);
  }

  private static double magnitude(double factor, double scale) {
    return factor <= 1 ? 1 : 0.1 * scale * StrictMath.log(factor) + 1;
  }

  /** As transformers, where 0 also stands for the default. */
  private static double orDefault(JsonNode rope, String key, double byDefault) {
    double value = HuggingFaceConfig.number(rope, key, 0);
    return value == 0 ? byDefault : value;
  }

  private static double number(JsonNode rope, String object, String key) {
    JsonNode value = rope.path(key);
    if (!value.isNumber()) {
      throw UserException.usage(
          "config.json: %s.%s must be a number, got %s: the file is incomplete"
              .formatted(object, key, value.isMissingNode() ? "no such key" : value));
    }
    return value.asDouble();
  }
}

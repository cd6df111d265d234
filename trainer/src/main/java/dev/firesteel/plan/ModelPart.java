package dev.firesteel.plan;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The part of a model that a parameter belongs to, by its name. */
enum ModelPart {
  EMBEDDING("embedding"),
  POSITIONS("positions"),
  ATTENTION("attention"),
  FEED_FORWARD("feed-forward"),
  NORMS("norms"),
  HEAD("head");

  /** The module, in a block or outside the blocks. */
  private static final Pattern MODULE = Pattern.compile("(?:blocks\\.\\d+\\.)?(\\w+)\\..+");

  private final String title;

  ModelPart(String title) {
    this.title = title;
  }

  String title() {
    return title;
  }

  /**
   * The part of a parameter such as {@code blocks.0.attention.qkv.weight}.
   *
   * @throws IllegalStateException if the plan does not know its module
   */
  static ModelPart of(String parameter) {
    Matcher matcher = MODULE.matcher(parameter);
    String module = matcher.matches() ? matcher.group(1) : "";
    return switch (module) {
      case "embedding" -> EMBEDDING;
      case "positions" -> POSITIONS;
      case "attention" -> ATTENTION;
      case "feed_forward" -> FEED_FORWARD;
      case "attention_norm", "feed_forward_norm", "final_norm" -> NORMS;
      case "head", "value_head", "reward_head" -> HEAD;
      default ->
          throw new IllegalStateException(
              "the plan has no part of the model for the parameter "
                  + parameter
                  + ": add its module to ModelPart");
    };
  }
}

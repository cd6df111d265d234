package dev.firesteel.config;

import dev.firesteel.error.UserException;
import java.util.Arrays;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Parameters with their own learning rate or weight decay.
 *
 * @param text as configured, such as {@code embedding.* learning_rate_factor=0.1 weight_decay=0}
 * @param pattern names of the parameters, in which {@code *} stands for any characters
 * @param learningRateFactor factor on the learning rate
 * @param weightDecay null for the optimizer's default
 */
public record ParameterGroup(
    String text, String pattern, double learningRateFactor, Double weightDecay) {
  private static final String RATE = "learning_rate_factor";
  private static final String DECAY = "weight_decay";

  static ParameterGroup parse(String key, String text) {
    String[] words = text.strip().split("\\s+", -1);
    Double rate = null;
    Double decay = null;
    for (int i = 1; i < words.length; i++) {
      String[] setting = words[i].split("=", -1);
      Double value = setting.length == 2 ? number(setting[1]) : null;
      if (value != null && setting[0].equals(RATE) && rate == null) {
        rate = value;
        Require.notNegative(key + " " + RATE, rate);
      } else if (value != null && setting[0].equals(DECAY) && decay == null) {
        decay = value;
        Require.notNegative(key + " " + DECAY, decay);
      } else {
        throw malformed(key, text);
      }
    }
    if (words[0].isEmpty() || words[0].contains("=") || words.length == 1) {
      throw malformed(key, text);
    }
    return new ParameterGroup(text, words[0], rate == null ? 1 : rate, decay);
  }

  private static Double number(String text) {
    try {
      return Double.valueOf(text);
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static UserException malformed(String key, String text) {
    return UserException.usage(
        "%s must be a pattern of names followed by %s=number, %s=number or both, got \"%s\""
            .formatted(key, RATE, DECAY, text));
  }

  /** Whether a parameter belongs to this group, unless an earlier one has it. */
  public boolean matches(String name) {
    return Pattern.matches(
        Arrays.stream(pattern.split("\\*", -1))
            .map(Pattern::quote)
            .collect(Collectors.joining(".*")),
        name);
  }
}

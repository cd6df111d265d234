package dev.firesteel.reward;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * 1 for a completion whose final number equals that of the record's field {@code answer}, else 0:
 * the score of GSM8K (Cobbe et al. 2021), whose answers end with {@code #### 42}.
 *
 * <p>The final number of a text is the first one after its last {@code ####}, or, of a text without
 * {@code ####}, its last one. Numbers are compared as numbers, so that {@code $1,200} equals {@code
 * 1200.00}. A completion without a number is wrong. A record without {@code answer}, or with one
 * that has no number, is a failure.
 */
public final class ExactMatchReward implements RewardFunction {
  private static final String FIELD = "answer";
  private static final String MARK = "####";

  /** A minus sign after a letter, a digit or a parenthesis is a difference, as in {@code 5-3}. */
  private static final Pattern NUMBER =
      Pattern.compile(
          "(?:(?<![\\p{L}\\p{N})])-)?\\$?(\\d+(?:,\\d{3}(?!\\d))*(?:\\.\\d+)?|\\.\\d+)");

  /** Makes the function. */
  public ExactMatchReward() {}

  @Override
  public List<Double> score(List<ScoredText> completions) {
    List<Double> scores = new ArrayList<>();
    for (ScoredText completion : completions) {
      BigDecimal right = answer(completion.fields());
      Optional<BigDecimal> got = finalNumber(completion.completion());
      scores.add(got.isPresent() && got.get().compareTo(right) == 0 ? 1.0 : 0.0);
    }
    return scores;
  }

  private static BigDecimal answer(JsonNode fields) {
    JsonNode answer = fields.path(FIELD);
    if (answer.isNumber()) {
      return answer.decimalValue();
    }
    if (!answer.isTextual()) {
      throw new IllegalArgumentException(
          "a record must have the right answer as a text or a number in its field `"
              + FIELD
              + "`"
              + (answer.isMissingNode() ? ", which is missing" : ", got " + answer));
    }
    return finalNumber(answer.textValue())
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "a record's field `" + FIELD + "` must have a number, got " + answer));
  }

  /** The final number of a text; empty if there is none. */
  static Optional<BigDecimal> finalNumber(String text) {
    int mark = text.lastIndexOf(MARK);
    Matcher numbers = NUMBER.matcher(mark < 0 ? text : text.substring(mark + MARK.length()));
    Optional<BigDecimal> last = Optional.empty();
    while (numbers.find() && (mark < 0 || last.isEmpty())) {
      BigDecimal size = new BigDecimal(numbers.group(1).replace(",", ""));
      last = Optional.of(numbers.group().startsWith("-") ? size.negate() : size);
    }
    return last;
  }
}

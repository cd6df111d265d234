package dev.firesteel.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Final numbers as in GSM8K, on cases written by hand. */
class ExactMatchRewardTest {

  private static double score(ObjectNode fields, String completion) {
    return new ExactMatchReward()
        .score(List.of(new ScoredText("How many?", completion, 9, true, fields)))
        .get(0);
  }

  private static ObjectNode answer(String answer) {
    return JsonNodeFactory.instance.objectNode().put("answer", answer);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "She has 3 + 4 = 7. #### 7 | 7",
        "#### 1,200 | 1200",
        "#### $1,200.50 | 1200.50",
        "#### -5 apples of 9 | -5",
        "#### 3 #### 4 | 4",
        "####  | ",
        "7 is the answer, #### seven | ",
        "The answer is 42. | 42",
        "Answer: 42.0 | 42.0",
        "5-3 | 3",
        "it is -3 | -3",
        "costs -$4 | -4",
        "1,2 | 2",
        "12,345,678 | 12345678",
        "#### 1,0001 | 1",
        "half: .5 | .5",
        "no number | ",
      })
  void finalNumbers(String text, BigDecimal number) {
    assertThat(ExactMatchReward.finalNumber(text).orElse(null)).isEqualTo(number);
  }

  @Test
  void rightAndWrong() {
    ObjectNode fields = answer("Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n#### 72");
    assertThat(score(fields, "48 and 24 make #### 72")).isEqualTo(1);
    assertThat(score(fields, "So the answer is $72.00")).isEqualTo(1);
    assertThat(score(fields, "#### 72 or 73")).isEqualTo(1);
    assertThat(score(fields, "72, no, 73")).isZero();
    assertThat(score(fields, "I do not know")).isZero();
    assertThat(score(fields, "")).isZero();
    assertThat(score(JsonNodeFactory.instance.objectNode().put("answer", 0), "It is 0"))
        .isEqualTo(1);
  }

  @Test
  void recordsWithoutAnAnswerAreFailures() {
    assertThatThrownBy(() -> score(JsonNodeFactory.instance.objectNode(), "1"))
        .hasMessage(
            "a record must have the right answer as a text or a number in its field `answer`, which"
                + " is missing");
    assertThatThrownBy(() -> score(answer("none"), "1"))
        .hasMessage("a record's field `answer` must have a number, got \"none\"");
  }
}

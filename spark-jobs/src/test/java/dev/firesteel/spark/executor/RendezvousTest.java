package dev.firesteel.spark.executor;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.spark.executor.Rendezvous.Member;
import java.util.List;
import org.junit.jupiter.api.Test;

class RendezvousTest {
  private static final Member FIRST = new Member("0", 0, "a", 1, "c1", "j1", "LITTLE_ENDIAN", 10);

  @Test
  void tasksThatAreAlikeTrainTogether() {
    Member other = new Member("1", 1, "b", 2, "c1", "j1", "LITTLE_ENDIAN", -5000);
    assertThatCode(() -> Rendezvous.check(List.of(FIRST, other))).doesNotThrowAnyException();
  }

  @Test
  void jarsConfigurationsProcessorsAndClocksMustAgree() {
    refuses(
        new Member("1", 1, "b", 2, "c1", "j2", "LITTLE_ENDIAN", 0),
        "all executors must have the same job jar, got j1 for executor 0 on a and j2 for executor 1 on b: submit again, with one jar and one configuration for all");
    refuses(
        new Member("1", 1, "b", 2, "c2", "j1", "LITTLE_ENDIAN", 0),
        "all executors must have the same configuration, got c1 for executor 0 on a and c2 for executor 1 on b: submit again, with one jar and one configuration for all");
    refuses(
        new Member("1", 1, "b", 2, "c1", "j1", "BIG_ENDIAN", 0),
        "all executors must have processors of one byte order, got LITTLE_ENDIAN for executor 0 on a and BIG_ENDIAN for executor 1 on b: give the application machines of one kind");
    refuses(
        new Member("1", 1, "b", 2, "c1", "j1", "LITTLE_ENDIAN", -61_000),
        "the clocks of executors must be within 60 s of the driver's, got -61 s for executor 1 on b: set its clock (NTP)");
  }

  private static void refuses(Member other, String sentence) {
    assertThatThrownBy(() -> Rendezvous.check(List.of(FIRST, other)))
        .isInstanceOf(UserException.class)
        .hasMessage(sentence);
  }
}

package dev.firesteel.spark.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class InterruptionTest {
  @Test
  void gracefulWorkGivesItsResultAndOneCommandAtATimeMayHandleInterrupts() {
    int result =
        Interruption.graceful(
            () -> {},
            () -> {
              assertThatThrownBy(() -> Interruption.graceful(() -> {}, () -> 1))
                  .isInstanceOf(IllegalStateException.class)
                  .hasMessage("one command at a time may handle interrupts");
              return 7;
            });

    assertThat(result).isEqualTo(7);
    assertThat(Interruption.<Integer>graceful(() -> {}, () -> 8)).isEqualTo(8);
  }
}

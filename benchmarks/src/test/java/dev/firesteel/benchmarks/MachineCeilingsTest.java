package dev.firesteel.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** That a ceiling is measured after its code is compiled, whenever that is. */
class MachineCeilingsTest {
  private int round;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 8, 9, 100})
  void roundsThatAreCompiledAreWarmUp(int cold) {
    double best =
        MachineCeilings.bestWhenSteady(
            () -> round++ < cold ? 10 : 196, () -> Math.min(round, cold));
    assertThat(best).isEqualTo(196);
    assertThat(round).isGreaterThan(cold + 8);
  }

  @Test
  void roundsThatBecomeFasterAreWarmUp() {
    double best = MachineCeilings.bestWhenSteady(() -> Math.min(196, 10 + 5.0 * round++), () -> 0);
    assertThat(best).isEqualTo(196);
  }

  @Test
  void theBestCountsNotTheLast() {
    double best = MachineCeilings.bestWhenSteady(() -> round++ == 3 ? 200 : 190, () -> 0);
    assertThat(best).isEqualTo(200);
  }

  @Test
  void endsThoughSomethingIsCompiledForEver() {
    double best = MachineCeilings.bestWhenSteady(() -> 50, () -> ++round);
    assertThat(best).isEqualTo(50);
  }
}

package dev.firesteel.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NormalQuantileTest {
  /** Of probability {@code (word + 1/2) / 2^32}, by Python's {@code NormalDist().inv_cdf}. */
  @ParameterizedTest
  @CsvSource({
    "0, -6.337957754553789",
    "1, -6.166429517819749",
    "1000, -5.039851125968711",
    "4294967, -3.0902322920614345",
    "107374182, -1.9599639841416792",
    "322122547, -1.4395314704450153",
    "429496729, -1.2815515656772687",
    "1073741824, -0.6744897498297384",
    "2147483647, -2.9180993729166234e-10",
    "2147483648, 2.9180993729166234e-10",
    "4187593113, 1.9599639841416792",
    "4294967295, 6.337957754553789"
  })
  void isTheInverseOfTheNormalDistribution(long word, double want) {
    assertThat(NormalQuantile.of((int) word)).isCloseTo(want, withinPercentage(2e-5));
  }
}

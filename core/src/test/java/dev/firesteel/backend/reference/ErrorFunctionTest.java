package dev.firesteel.backend.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorFunctionTest {
  /** As a percentage, AssertJ's unit: 1e-14 relative. */
  private static final double CLOSE = 1e-12;

  /** Values of mpmath's erf and erfc at 30 digits, rounded to double. */
  @ParameterizedTest
  @CsvSource({
    "0.1, 0.1124629160182849, 0.887537083981715",
    "0.5, 0.5204998778130465, 0.4795001221869535",
    "1, 0.8427007929497149, 0.15729920705028513",
    "2, 0.9953222650189527, 0.004677734981047266",
    "3, 0.9999779095030014, 2.209049699858544e-05",
    "5, 0.9999999999984626, 1.537459794428035e-12",
    "10, 1.0, 2.088487583762545e-45",
  })
  void agreesWithKnownValues(double x, double erf, double erfc) {
    assertThat(ErrorFunction.erf(x)).isCloseTo(erf, withinPercentage(CLOSE));
    assertThat(ErrorFunction.erf(-x)).isCloseTo(-erf, withinPercentage(CLOSE));
    // 1 - erf is exact to an ulp of 1 only.
    assertThat(ErrorFunction.erfc(x)).isCloseTo(erfc, withinPercentage(x <= 2 ? 1e-11 : CLOSE));
    assertThat(ErrorFunction.erfc(-x)).isCloseTo(1 + erf, withinPercentage(CLOSE));
  }

  @Test
  void seriesAndFractionMeet() {
    double below = Math.nextDown(2.5);
    assertThat(ErrorFunction.erf(below)).isCloseTo(ErrorFunction.erf(2.5), withinPercentage(1e-13));
  }

  @Test
  void keepsZeroInfinityAndNaN() {
    assertThat(ErrorFunction.erf(0)).isZero();
    assertThat(ErrorFunction.erf(Double.POSITIVE_INFINITY)).isEqualTo(1);
    assertThat(ErrorFunction.erf(Double.NEGATIVE_INFINITY)).isEqualTo(-1);
    assertThat(ErrorFunction.erfc(Double.POSITIVE_INFINITY)).isZero();
    assertThat(ErrorFunction.erf(Double.NaN)).isNaN();
  }
}

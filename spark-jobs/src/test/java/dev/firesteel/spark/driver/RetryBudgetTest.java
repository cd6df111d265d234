package dev.firesteel.spark.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class RetryBudgetTest {
  private final RetryBudget budget =
      new RetryBudget(
          ConfigLoader.parse(
                  PretrainConfig.class,
                  "data: {source: text.txt}",
                  "the test",
                  List.of("cluster.max_failures=2", "cluster.max_lost_executors=3"))
              .cluster());

  @Test
  void countsFailuresAndLostExecutorsApart() {
    assertThat(budget.allows(false, 5)).isTrue();
    assertThat(budget.allows(true, 5)).isTrue();
    assertThat(budget.allows(true, 5)).isTrue();
    assertThat(budget.allows(false, 5)).isTrue();
    assertThat(budget.allows(true, 5)).isTrue();
    assertThat(budget.used())
        .isEqualTo(
            "failures: 2, at most 2; lost executors: 3, at most 3; since the checkpoint of step 5");
    assertThat(budget.allows(true, 5)).isFalse();
  }

  @Test
  void countsAnewOnceTheRunGotFurther() {
    assertThat(budget.allows(false, -1)).isTrue();
    assertThat(budget.allows(false, -1)).isTrue();
    assertThat(budget.used())
        .isEqualTo("failures: 2, at most 2; lost executors: 0, at most 3; since the start");
    assertThat(budget.allows(false, 10)).isTrue();
    assertThat(budget.allows(false, 10)).isTrue();
    assertThat(budget.allows(false, 10)).isFalse();
  }

  @Test
  void waitsLongerEachTimeButNotForAFirstLostExecutor() {
    budget.allows(true, 0);
    assertThat(budget.pause()).isZero();
    budget.allows(true, 0);
    assertThat(budget.pause()).isEqualTo(Duration.ofSeconds(1));
    budget.allows(false, 0);
    assertThat(budget.pause()).isEqualTo(Duration.ofSeconds(2));
    for (int i = 0; i < 100; i++) {
      budget.allows(false, 0);
    }
    assertThat(budget.pause()).isEqualTo(Duration.ofSeconds(30));
  }
}

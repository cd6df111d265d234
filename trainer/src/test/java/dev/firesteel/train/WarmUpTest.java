package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.Backend;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WarmUpTest {
  private final List<Duration> limits = new ArrayList<>();

  @Test
  void takesAQuarterOfEachStepUntilNothingIsLeft() {
    WarmUp warmUp = new WarmUp(doneAtCall(4), notice -> {});

    warmUp.beforeFirstStep();
    warmUp.afterStep(Duration.ofMillis(3).toNanos());
    warmUp.afterStep(Duration.ofMillis(200).toNanos());
    assertThat(warmUp.isDone()).isFalse();
    warmUp.afterStep(Duration.ofSeconds(8).toNanos());
    assertThat(warmUp.isDone()).isTrue();
    warmUp.afterStep(Duration.ofSeconds(8).toNanos());

    assertThat(limits)
        .containsExactly(
            Duration.ofSeconds(1),
            Duration.ofMillis(10),
            Duration.ofMillis(50),
            Duration.ofSeconds(2));
  }

  @Test
  void isDoneBeforeTheFirstStepIfTheBackendIs() {
    WarmUp warmUp = new WarmUp(doneAtCall(1), notice -> {});

    warmUp.beforeFirstStep();
    warmUp.afterStep(Duration.ofSeconds(1).toNanos());

    assertThat(limits).containsExactly(Duration.ofSeconds(1));
  }

  private Backend doneAtCall(int calls) {
    return InterceptedBackend.of(
        (method, arguments, call) -> {
          if (!method.equals("warmUp")) {
            return call.proceed();
          }
          limits.add((Duration) arguments[0]);
          return limits.size() == calls;
        });
  }
}

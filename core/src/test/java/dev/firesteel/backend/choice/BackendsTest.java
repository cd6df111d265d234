package dev.firesteel.backend.choice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.error.UserException;
import org.junit.jupiter.api.Test;

class BackendsTest {
  @Test
  void makesTheReference() {
    try (Backend backend = Backends.create(new BackendOptions("reference", Precision.FP32, 0))) {
      assertThat(backend.name()).isEqualTo("reference");
    }
  }

  @Test
  void refusesAnUnknownNameAndListsTheKnownOnes() {
    assertThatThrownBy(() -> Backends.create(new BackendOptions("gpu", Precision.FP32, 0)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "compute.backend must be one of " + String.join(", ", Backends.names()) + ", got gpu")
        .extracting(e -> ((UserException) e).kind())
        .isEqualTo(UserException.Kind.USAGE);
  }

  @Test
  void neverComputesInAnotherPrecisionThanAsked() {
    assertThatThrownBy(() -> Backends.create(new BackendOptions("reference", Precision.BF16, 0)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "compute.backend reference computes in fp32 only, got precision BF16; set"
                + " compute.precision to fp32 or choose another backend");
  }
}

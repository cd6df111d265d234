package dev.firesteel.backend.choice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.error.UserException;
import org.junit.jupiter.api.Test;

class BackendsTest {
  @Test
  void makesTheReference() {
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.REFERENCE, Precision.FP32, 0))) {
      assertThat(backend.name()).isEqualTo("reference");
    }
  }

  @Test
  void neverComputesInAnotherPrecisionThanAsked() {
    assertThatThrownBy(() -> new BackendOptions(BackendKind.REFERENCE, Precision.BF16, 0))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "compute.precision must be fp32 for the backend reference, got bf16: set"
                + " compute.precision to fp32 or compute.backend to cpu")
        .extracting(e -> ((UserException) e).kind())
        .isEqualTo(UserException.Kind.USAGE);
  }

  @Test
  void refusesADeviceForABackendThatHasNone() {
    assertThatThrownBy(() -> new BackendOptions(BackendKind.CPU, Precision.BF16, 0, "1", false))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "compute.device is for the backend opencl, got 1 for cpu: leave it out or set"
                + " compute.backend to opencl");
  }
}

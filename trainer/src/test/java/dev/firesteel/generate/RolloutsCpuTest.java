package dev.firesteel.generate;

import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;

class RolloutsCpuTest extends RolloutsContract {
  RolloutsCpuTest() {
    super(new CpuBackend(Precision.FP32, 2));
  }
}

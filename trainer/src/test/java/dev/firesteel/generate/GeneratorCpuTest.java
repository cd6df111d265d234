package dev.firesteel.generate;

import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;

class GeneratorCpuTest extends GeneratorContract {
  GeneratorCpuTest() {
    super(new CpuBackend(Precision.FP32, 2), 0);
  }
}

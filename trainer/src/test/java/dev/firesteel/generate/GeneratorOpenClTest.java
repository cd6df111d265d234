package dev.firesteel.generate;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.train.OpenClSupport;

class GeneratorOpenClTest extends GeneratorContract {
  GeneratorOpenClTest() {
    super(backend(), 0);
  }

  private static Backend backend() {
    OpenClSupport.assumeDevice();
    return Backends.create(new BackendOptions(BackendKind.OPENCL, Precision.FP32, 2));
  }
}

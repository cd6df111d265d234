package dev.firesteel.backend.cpu;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendContract;
import dev.firesteel.backend.Precision;

/** The contract of all backends, on three threads and the fastest primitives of this machine. */
class CpuBackendTest extends BackendContract {
  @Override
  protected Backend createBackend() {
    return new CpuBackend(Precision.FP32, 3);
  }
}

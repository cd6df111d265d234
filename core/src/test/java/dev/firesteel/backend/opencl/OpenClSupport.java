package dev.firesteel.backend.opencl;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.error.UserException;

/** Skips tests where there is no OpenCL device. */
final class OpenClSupport {
  private OpenClSupport() {}

  static OpenClBackend open() {
    return open("");
  }

  static OpenClBackend open(String device) {
    try {
      if (OpenClDevices.list().isEmpty()) {
        abort("no OpenCL device; apt-get install pocl-opencl-icd gives one on the CPU");
      }
    } catch (UserException e) {
      abort(e.getMessage());
    }
    return new OpenClBackend(device);
  }
}

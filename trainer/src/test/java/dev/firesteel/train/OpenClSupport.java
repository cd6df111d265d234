package dev.firesteel.train;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.backend.opencl.OpenClDevices;
import dev.firesteel.error.UserException;

/** Skips tests where there is no OpenCL device. */
public final class OpenClSupport {
  private OpenClSupport() {}

  public static void assumeDevice() {
    try {
      if (OpenClDevices.list().isEmpty()) {
        abort("no OpenCL device; apt-get install pocl-opencl-icd gives one on the CPU");
      }
    } catch (UserException e) {
      abort(e.getMessage());
    }
  }
}

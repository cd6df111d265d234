package dev.firesteel.spark;

import dev.firesteel.backend.opencl.OpenClDevices;
import dev.firesteel.error.UserException;
import java.util.List;
import java.util.function.Predicate;

/** Tells tests which OpenCL devices this machine has. */
final class OpenClSupport {
  private OpenClSupport() {}

  /** Whether there are devices, and all of them are so. */
  static boolean hasOnly(Predicate<OpenClDevices.Description> kind) {
    try {
      List<OpenClDevices.Description> devices = OpenClDevices.list();
      return !devices.isEmpty() && devices.stream().allMatch(kind);
    } catch (UserException e) {
      return false;
    }
  }
}

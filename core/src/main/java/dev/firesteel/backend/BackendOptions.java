package dev.firesteel.backend;

import dev.firesteel.error.UserException;

/**
 * Which backend, and how.
 *
 * @param kind of backend
 * @param precision of matrix products; bf16 on the backend cpu only
 * @param threads compute threads of the backend cpu; 0 for one on each core
 * @param device of the backend opencl: an index or a part of its name; empty for the first GPU
 * @param tune whether the backend opencl takes what was, or now is, measured to be fastest on the
 *     device, instead of a fixed choice; results do not depend on it
 */
public record BackendOptions(
    BackendKind kind, Precision precision, int threads, String device, boolean tune) {

  public BackendOptions {
    requirePossible(kind, precision, device);
  }

  /** For a backend that has no device. */
  public BackendOptions(BackendKind kind, Precision precision, int threads) {
    this(kind, precision, threads, "", false);
  }

  /**
   * Refuses combinations that no backend has, in the words of the configuration.
   *
   * @throws UserException that names the key
   */
  public static void requirePossible(BackendKind kind, Precision precision, String device) {
    if (kind != BackendKind.CPU && precision != Precision.FP32) {
      throw UserException.usage(
          "compute.precision must be fp32 for the backend "
              + kind
              + ", got bf16: set compute.precision to fp32 or compute.backend to cpu");
    }
    if (kind != BackendKind.OPENCL && !device.isEmpty()) {
      throw UserException.usage(
          "compute.device is for the backend opencl, got "
              + device
              + " for "
              + kind
              + ": leave it out or set compute.backend to opencl");
    }
  }
}

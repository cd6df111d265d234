package dev.firesteel.backend;

import dev.firesteel.error.UserException;

/**
 * The choice of a backend and its options.
 *
 * @param kind kind of backend
 * @param precision precision of matmuls; bf16 only on the backend cpu
 * @param threads compute threads of the backend cpu; 0 for one per core
 * @param device of the backend opencl: an index or a part of its name; empty for the first GPU
 * @param tune whether the backend opencl uses the tiles measured to be fastest on the device,
 *     measuring them if necessary, instead of a fixed choice; results do not depend on it
 */
public record BackendOptions(
    BackendKind kind, Precision precision, int threads, String device, boolean tune) {

  public BackendOptions {
    requirePossible(kind, precision, device);
  }

  /** Options for a backend without a device. */
  public BackendOptions(BackendKind kind, Precision precision, int threads) {
    this(kind, precision, threads, "", false);
  }

  /**
   * Rejects combinations that no backend supports, in terms of configuration keys.
   *
   * @throws UserException naming the key
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

package dev.firesteel.backend;

import java.util.Locale;

/** The available backends; {@link #toString} is the name used in {@code compute.backend}. */
public enum BackendKind {
  /** The fast kernels for CPUs. */
  CPU,
  /** An OpenCL device, usually a GPU. */
  OPENCL,
  /** Plain loops, the oracle of the tests. */
  REFERENCE;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}

package dev.firesteel.backend;

import java.util.Locale;

/** The backends that there are; {@link #toString} is the name that {@code compute.backend} has. */
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

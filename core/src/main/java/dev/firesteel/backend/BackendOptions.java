package dev.firesteel.backend;

/**
 * Which backend, and how.
 *
 * @param name {@code cpu}, {@code opencl} or {@code reference}
 * @param precision of matrix products
 * @param threads compute threads of the backend cpu; 0 for one on each core
 * @param device of the backend opencl: an index or a part of its name; empty for the first GPU
 */
public record BackendOptions(String name, Precision precision, int threads, String device) {

  /** For a backend that has no device. */
  public BackendOptions(String name, Precision precision, int threads) {
    this(name, precision, threads, "");
  }
}

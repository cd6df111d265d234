package dev.firesteel.backend;

/**
 * Which backend, and how.
 *
 * @param name {@code cpu}, {@code opencl} or {@code reference}
 * @param precision of matrix products
 * @param threads compute threads of the backend cpu; 0 for one on each core
 * @param device of the backend opencl: an index or a part of its name; empty for the first GPU
 * @param tune whether the backend opencl takes what was, or now is, measured to be fastest on the
 *     device, instead of a fixed choice; results do not depend on it
 */
public record BackendOptions(
    String name, Precision precision, int threads, String device, boolean tune) {

  /** For a backend that has no device. */
  public BackendOptions(String name, Precision precision, int threads) {
    this(name, precision, threads, "", false);
  }
}

package dev.firesteel.backend;

/**
 * Which backend, and how.
 *
 * @param name {@code cpu} or {@code reference}
 * @param precision of matrix products
 * @param threads compute threads; 0 for one on each core
 */
public record BackendOptions(String name, Precision precision, int threads) {}

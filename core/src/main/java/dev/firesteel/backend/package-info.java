/**
 * Computation: the {@link dev.firesteel.backend.Backend} interface, one interface per group of its
 * kernels, their parameter records, and {@link dev.firesteel.backend.Workspace}, which describes
 * the memory that kernels keep for themselves (the choice between implementations is in a higher
 * package, {@code backend.choice}).
 *
 * <p>Shape letters, here and in the packages below: B batch, T tokens of a sequence, C model width,
 * H query heads, G key-value heads, K head width, F feed-forward width, V vocabulary, M rows of a
 * matrix (usually B*T), N its output columns.
 *
 * <p>Uses {@code array}, {@code error}.
 */
package dev.firesteel.backend;

/**
 * The building blocks of models: parameters in flat segments, and small modules that declare their
 * parameters once and apply them in a forward pass. Depends on {@code tensor}, {@code backend},
 * {@code array} and {@code random}; independent of any architecture.
 *
 * <p>Shape letters: B batch, T tokens of a sequence, C model width, H query heads, G key-value
 * heads, K head width, F feed-forward width, V vocabulary, S capacity of a key-value cache, L
 * blocks.
 */
package dev.firesteel.nn;

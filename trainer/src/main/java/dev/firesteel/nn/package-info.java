/**
 * The building blocks of models: parameters in flat segments, and small modules that declare their
 * parameters once and apply them in a forward pass. {@link dev.firesteel.nn.Projections} decide
 * which matrices have LoRA adapters.
 *
 * <p>Shape letters: B batch, T tokens of a sequence, C model width, H query heads, G key-value
 * heads, K head width, F feed-forward width, V vocabulary, S capacity of a key-value cache, L
 * blocks.
 *
 * <p>Uses {@code array}, {@code backend}, {@code error}, {@code random}, {@code tensor}.
 */
package dev.firesteel.nn;

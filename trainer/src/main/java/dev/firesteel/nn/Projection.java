package dev.firesteel.nn;

/**
 * A matrix product with weights, {@code x [..., in] -> y [..., out]}: dense ({@link Linear}) or
 * with a low-rank adapter ({@link Lora}). Attention and feed-forward blocks get theirs from {@link
 * Projections}, and do not know which they have.
 */
public interface Projection extends Layer {}

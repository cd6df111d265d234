/**
 * The test oracle: every kernel as a plain loop of its formula, in double precision, on one thread.
 * Other backends are tested against it, and gradients are checked on it; it is kept simple rather
 * than fast.
 *
 * <p>Uses {@code array}, {@code backend}, {@code random}.
 */
package dev.firesteel.backend.reference;

/**
 * The oracle: every kernel as the plain loop of its formula, in double, on one thread. Other
 * backends are tested against it and gradients are checked on it; nothing here is fast, and nothing
 * here may become clever.
 *
 * <p>Uses {@code array}, {@code backend}, {@code random}.
 */
package dev.firesteel.backend.reference;

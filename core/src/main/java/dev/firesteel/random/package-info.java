/**
 * Counter-based random numbers: any element of any stream is a function of (seed, purpose, index),
 * so resuming after a crash needs no saved state.
 *
 * <p>Uses none.
 */
package dev.firesteel.random;

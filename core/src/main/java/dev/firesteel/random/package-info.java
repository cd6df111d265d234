/**
 * Counter-based random numbers: any element of any stream is a function of (seed, purpose, index),
 * so that nothing has to be saved to go on after a crash. Needs the JDK only.
 */
package dev.firesteel.random;

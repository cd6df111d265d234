/**
 * Failures, signals and locale of a process.
 *
 * <p>Uses {@code error}, {@code files}.
 */
package dev.firesteel.spark.process;

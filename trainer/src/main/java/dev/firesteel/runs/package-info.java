/**
 * The runs in a folder: their list with state, loss and speed, and pages that compare some of them.
 * Reads run directories alone, also those of runs in training, and changes nothing.
 *
 * <p>Uses {@code chart}, {@code checkpoint}, {@code config}, {@code error}, {@code files}, {@code
 * metrics}, {@code run}, {@code train}.
 */
package dev.firesteel.runs;

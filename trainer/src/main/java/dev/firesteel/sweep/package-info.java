/**
 * Sweeps: pretraining runs that differ in size, length and other keys, what each of them needs and
 * how far it is, and the table of their results, to which scaling laws are fitted.
 *
 * <p>Uses {@code array}, {@code backend}, {@code chart}, {@code checkpoint}, {@code config}, {@code
 * error}, {@code plan}, {@code run}, {@code skills}, {@code train}.
 */
package dev.firesteel.sweep;

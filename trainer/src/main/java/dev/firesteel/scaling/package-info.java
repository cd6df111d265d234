/**
 * Scaling laws: tables of finished runs, the laws that describe their losses, fits with intervals,
 * and what the fits cannot say. Knows no files. See {@code docs/scaling.md}.
 *
 * <p>Uses {@code error}, {@code random}.
 */
package dev.firesteel.scaling;

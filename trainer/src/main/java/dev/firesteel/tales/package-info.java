/**
 * Tales: short stories from a grammar, with requests, flaws and a score that is exact. They give
 * the stages of alignment something small to learn, whose result can be measured. See {@code
 * datasets/tales/README.md}.
 *
 * <p>Uses {@code error}, {@code random}, {@code reward}.
 */
package dev.firesteel.tales;

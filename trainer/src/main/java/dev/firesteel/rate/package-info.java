/**
 * Ratings: two answers to a prompt, of which a person names the better one, as records that reward
 * models and DPO are trained on. See {@code docs/rate.md}.
 *
 * <p>Uses {@code chat}, {@code error}, {@code example}, {@code files}, {@code generate}, {@code
 * random}.
 */
package dev.firesteel.rate;

/**
 * Emergence: tasks whose answers have many tokens that all must be right, text that teaches them,
 * and two measures of them.
 *
 * <p>Uses {@code array}, {@code config}, {@code error}, {@code generate}, {@code model}, {@code
 * random}, {@code tensor}, {@code tokenizer}.
 */
package dev.firesteel.skills;

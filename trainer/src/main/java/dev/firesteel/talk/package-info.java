/**
 * A conversation with a model at a keyboard: its messages, its settings, and the commands that a
 * user types.
 *
 * <p>Uses {@code chat}, {@code error}, {@code files}, {@code generate}, {@code tokenizer}.
 */
package dev.firesteel.talk;

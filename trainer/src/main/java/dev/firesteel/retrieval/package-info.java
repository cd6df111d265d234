/**
 * Passages of documents, found by their words and by their meaning.
 *
 * <p>Uses {@code error}, {@code tokenizer}.
 */
package dev.firesteel.retrieval;

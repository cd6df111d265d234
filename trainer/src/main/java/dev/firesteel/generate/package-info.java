/**
 * Text from a model: sampling and beam search over a key-value cache. Needs {@code model}, {@code
 * nn} and {@code tokenizer}.
 */
package dev.firesteel.generate;

/**
 * Text generation: sampling and beam search over a key-value cache. Depends on {@code model},
 * {@code nn} and {@code tokenizer}.
 */
package dev.firesteel.generate;

/**
 * Text to token ids and back: byte-level BPE (training, encoding, decoding) and characters, stored
 * in Hugging Face's {@code tokenizer.json}. Depends on the JDK, Jackson and {@code
 * dev.firesteel.error}; file access is up to the caller, so nothing here depends on Hadoop.
 */
package dev.firesteel.tokenizer;

/**
 * Text to token ids and back: byte-level BPE (training, encoding, decoding) and characters, kept in
 * Hugging Face's {@code tokenizer.json}. Needs the JDK, Jackson and {@code dev.firesteel.error};
 * files are the caller's business, so nothing here names Hadoop.
 */
package dev.firesteel.tokenizer;

/**
 * Text to token ids and back: byte-level BPE (training, encoding, decoding) and characters, stored
 * in Hugging Face's {@code tokenizer.json}.
 *
 * <p>Uses {@code error}.
 */
package dev.firesteel.tokenizer;

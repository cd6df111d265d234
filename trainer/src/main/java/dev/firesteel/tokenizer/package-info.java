/**
 * Text to token ids and back: byte-level BPE (training, encoding, decoding) and characters, and the
 * BPE over characters and WordPiece of published models; stored in Hugging Face's {@code
 * tokenizer.json}.
 *
 * <p>Uses {@code error}.
 */
package dev.firesteel.tokenizer;

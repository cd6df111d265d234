/**
 * Examples to fine-tune and align models on: records of a dataset as tokens, of which some are
 * trained. See {@code docs/sft.md}.
 *
 * <p>Uses {@code chat}, {@code error}, {@code tokenizer}.
 */
package dev.firesteel.example;

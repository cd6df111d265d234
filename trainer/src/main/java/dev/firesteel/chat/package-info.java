/**
 * Conversations, the chat templates that make text of them, and the tokens of that text: which are
 * trained, and which end an answer. See {@code docs/sft.md}.
 *
 * <p>Uses {@code error}, {@code jinja}, {@code tokenizer}.
 */
package dev.firesteel.chat;

package dev.firesteel.retrieval;

/**
 * A part of a document.
 *
 * @param source the document's path within its folder, with {@code /}
 * @param line where it begins, from 1
 * @param text as it is in the document
 */
public record Passage(String source, int line, String text) {}

package dev.firesteel.jinja;

/**
 * A text that somebody else wrote than the author of a template: what becomes of its characters is
 * known of the output.
 *
 * @param text the characters
 */
public record Typed(String text) {}

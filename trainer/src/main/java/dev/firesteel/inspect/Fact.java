package dev.firesteel.inspect;

/**
 * One thing that a file says of itself.
 *
 * @param name in words; in JSON with underscores
 * @param value a text, a number or a boolean; null where there is none
 */
public record Fact(String name, Object value) {}

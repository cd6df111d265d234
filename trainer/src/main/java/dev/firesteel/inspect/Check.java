package dev.firesteel.inspect;

/**
 * Something that must hold.
 *
 * @param name what was checked, in a word or two
 * @param passed whether it holds
 * @param detail what was found: where it fails, or how much was checked
 */
public record Check(String name, boolean passed, String detail) {}

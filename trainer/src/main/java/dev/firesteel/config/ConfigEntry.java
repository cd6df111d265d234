package dev.firesteel.config;

/**
 * One key of a configuration with its value.
 *
 * @param key full path, such as {@code training.steps}
 * @param value as text
 * @param resume whether a resumed run may use another value
 */
public record ConfigEntry(String key, String value, Resume resume) {}

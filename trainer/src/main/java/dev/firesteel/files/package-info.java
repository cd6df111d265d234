/**
 * Hadoop file systems: reading, hashing, explaining failures, locks.
 *
 * <p>Uses {@code error}.
 */
package dev.firesteel.files;

/**
 * The choice of a backend. It stands above {@code backend} and every implementation, so that the
 * interface knows none of them and packages make no cycle; a plain switch rather than a {@code
 * ServiceLoader}, so that the choice can be read and depends on no class path order or service file
 * of a shaded jar.
 *
 * <p>Uses {@code backend}, {@code backend.cpu}, {@code backend.opencl}, {@code backend.reference}.
 */
package dev.firesteel.backend.choice;

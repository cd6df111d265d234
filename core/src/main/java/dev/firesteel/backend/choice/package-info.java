/**
 * The choice of a backend. It depends on {@code backend} and every implementation, so that the
 * interface depends on none of them and there is no package cycle; a plain switch rather than a
 * {@code ServiceLoader}, so that the choice is explicit and independent of class path order and of
 * service files in a shaded jar.
 *
 * <p>Uses {@code backend}, {@code backend.cpu}, {@code backend.opencl}, {@code backend.reference}.
 */
package dev.firesteel.backend.choice;

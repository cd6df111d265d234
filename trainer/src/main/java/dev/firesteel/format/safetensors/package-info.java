/**
 * The safetensors file format.
 *
 * <p>Uses {@code array}, {@code error}.
 */
package dev.firesteel.format.safetensors;

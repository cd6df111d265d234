/**
 * The backend for OpenCL devices, through Aparapi: weights, gradients, moments and activations stay
 * in arenas on the device for a whole training step. Float32 only.
 *
 * <p>Uses {@code array}, {@code backend}, {@code error}.
 */
package dev.firesteel.backend.opencl;

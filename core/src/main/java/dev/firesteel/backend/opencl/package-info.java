/**
 * The backend for OpenCL devices, through Aparapi: weights, gradients, moments and activations stay
 * in arenas on the device for a whole training step. Float32 only.
 */
package dev.firesteel.backend.opencl;

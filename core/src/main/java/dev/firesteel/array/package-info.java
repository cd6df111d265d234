/**
 * N-d arrays without gradients. {@link dev.firesteel.array.NdArray} is a shape over a range of a
 * {@link dev.firesteel.array.Storage}; {@link dev.firesteel.array.ArrayScope} determines its
 * lifetime, and {@link dev.firesteel.array.ArrayPool} keeps its block for the next step. {@link
 * dev.firesteel.array.HeapStorage} is the storage of backends that compute on the Java heap.
 * Depends on the JDK only.
 */
package dev.firesteel.array;

/**
 * N-d arrays without gradients. {@link dev.firesteel.array.NdArray} is a shape on a range of a
 * {@link dev.firesteel.array.Storage}; {@link dev.firesteel.array.ArrayScope} says how long it
 * lives, {@link dev.firesteel.array.ArrayPool} keeps its block for the next step. {@link
 * dev.firesteel.array.ArrayMemory} is where arrays live and how their content gets there; {@link
 * dev.firesteel.array.HostMemory} is that on the Java heap, with {@link
 * dev.firesteel.array.HeapStorage}.
 *
 * <p>Uses none.
 */
package dev.firesteel.array;

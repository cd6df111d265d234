/**
 * Arrays with gradients: {@link dev.firesteel.tensor.Tensor} on a {@link
 * dev.firesteel.tensor.Tape}, and one record per op with its forward and backward together. Needs
 * {@code backend} and {@code array}.
 *
 * <p>To add an op: write the record (shape rule, forward, backward), one line in {@code Tensor},
 * one row in the test table {@code OpCase}. A kernel joins {@code Backend} only when existing
 * kernels cannot compose it.
 */
package dev.firesteel.tensor;

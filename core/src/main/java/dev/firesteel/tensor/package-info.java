/**
 * Arrays with gradients: {@link dev.firesteel.tensor.Tensor} on a {@link
 * dev.firesteel.tensor.Tape}, and one record per op that contains its forward and backward.
 *
 * <p>To add an op: write the record (shape rule, forward, backward), a one-line method in {@code
 * Tensor}, and a row in the test table {@code OpCase}. Add a kernel to {@code Backend} only when
 * existing kernels cannot compose it.
 *
 * <p>Uses {@code array}, {@code backend}.
 */
package dev.firesteel.tensor;

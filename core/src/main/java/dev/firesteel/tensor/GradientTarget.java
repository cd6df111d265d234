package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * Where a kernel writes the gradient of an input, and whether it adds to what is there.
 *
 * @param array null when the input wants no gradient
 */
record GradientTarget(NdArray array, Write write) {
  /** Of an input that wants no gradient, or that the op does not have. */
  static final GradientTarget NONE = new GradientTarget(null, Write.SET);
}

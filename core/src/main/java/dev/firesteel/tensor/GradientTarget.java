package dev.firesteel.tensor;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * Where a kernel writes the gradient of an input, and whether it adds to the existing content.
 *
 * @param array null if the input needs no gradient
 */
record GradientTarget(NdArray array, Write write) {
  /** For an input that needs no gradient, or that the op does not have. */
  static final GradientTarget NONE = new GradientTarget(null, Write.SET);
}

package dev.firesteel.nn;

import dev.firesteel.tensor.Tensor;

/** A part of a network: declares its parameters on construction, and applies them in a pass. */
@FunctionalInterface
public interface Layer {
  /** The output for {@code x}; each layer documents the shapes. */
  Tensor apply(ForwardPass pass, Tensor x);
}

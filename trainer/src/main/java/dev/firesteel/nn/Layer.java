package dev.firesteel.nn;

import dev.firesteel.tensor.Tensor;

/** A part of a network: declares its parameters when it is made, and applies them in a pass. */
@FunctionalInterface
public interface Layer {
  /** The output for {@code x}; each module says the shapes. */
  Tensor apply(ForwardPass pass, Tensor x);
}

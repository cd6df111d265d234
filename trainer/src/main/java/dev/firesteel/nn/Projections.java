package dev.firesteel.nn;

import dev.firesteel.backend.Activation;

/** Declares the projections of a model: which kind each one is. */
@FunctionalInterface
public interface Projections {
  /** Every projection is a {@link Linear} layer. */
  Projections DENSE = Linear::new;

  /**
   * Declares a projection {@code y = f(x w^T + b)} from {@code in} to {@code out}.
   *
   * @param name such as {@code blocks.0.attention.qkv}, to which the names of parameters are added
   */
  Projection declare(
      ParameterSet.Builder parameters,
      String name,
      int in,
      int out,
      boolean withBias,
      Activation activation,
      Initializer initializer);

  /** Declares a projection without activation. */
  default Projection declare(
      ParameterSet.Builder parameters,
      String name,
      int in,
      int out,
      boolean withBias,
      Initializer initializer) {
    return declare(parameters, name, in, out, withBias, Activation.IDENTITY, initializer);
  }

  /**
   * Called when all of a model is declared.
   *
   * @throws dev.firesteel.error.UserException if a setting had no effect, such as a pattern that no
   *     projection matches
   */
  default void requireUsed(ParameterSet.Builder declared) {}
}

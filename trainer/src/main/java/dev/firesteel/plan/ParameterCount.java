package dev.firesteel.plan;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.model.Models;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Recompute;

/** The three N of scaling laws: their exponents differ by which of them a law is fitted to. */
public enum ParameterCount {
  /** All parameters, those of a tied head once. */
  ALL,
  /** Without embeddings, positions and head (Kaplan et al. 2020). */
  NON_EMBEDDING,
  /** Weights in matmuls, which includes the head, tied or not, and excludes lookups. */
  MATMUL;

  /**
   * N of a model.
   *
   * @param model with its vocabulary size resolved
   */
  public long of(ModelConfig model) {
    return switch (this) {
      case ALL -> Models.declare(model).parameters().count();
      case NON_EMBEDDING ->
          Models.declare(model).parameters().parameters().stream()
              .filter(
                  parameter ->
                      switch (ModelPart.of(parameter.name())) {
                        case EMBEDDING, POSITIONS, HEAD -> false;
                        case ATTENTION, FEED_FORWARD, NORMS -> true;
                      })
              .mapToLong(Parameter::size)
              .sum();
      case MATMUL -> FlopPlan.of(model, 1, 1, Recompute.NONE).productWeights();
    };
  }
}

package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import dev.firesteel.tensor.Tensor;

/** Rows of a trained table by id: {@code ids [...] -> y [..., C]}, {@code weight [V, C]}. */
public final class Embedding implements Layer {
  private final Parameter weight;

  public Embedding(
      ParameterSet.Builder parameters, String name, int rows, int width, Initializer initializer) {
    weight = parameters.declare(name + ".weight", Shape.of(rows, width), initializer).asTable();
  }

  /** The table, for a tied output head. */
  public Parameter weight() {
    return weight;
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor ids) {
    return ids.embedding(pass.tensor(weight));
  }
}

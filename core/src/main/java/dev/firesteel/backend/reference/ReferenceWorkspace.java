package dev.firesteel.backend.reference;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.Workspace;
import java.util.List;
import java.util.function.LongUnaryOperator;

/** Plain loops keep nothing between calls. */
final class ReferenceWorkspace implements Workspace {
  @Override
  public void sumRows(NdArray x) {}

  @Override
  public void linear(NdArray x, NdArray w) {}

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w) {}

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x) {}

  @Override
  public void linearCrossEntropy(NdArray x, NdArray w) {}

  @Override
  public void tokenLosses(NdArray x, NdArray w) {}

  @Override
  public void tokenLossesBackward(NdArray x, NdArray w) {}

  @Override
  public void attentionBackward(AttentionSpec spec, Heads q, Heads k) {}

  @Override
  public List<Part> parts(LongUnaryOperator arrayBytes) {
    return List.of();
  }
}

package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** Numbers that models give to the trained tokens of documents, without gradients. */
final class ActionNumbers {
  private final ArrayPool pool;
  private final int rows;

  /**
   * @param rows documents of a forward pass
   */
  ActionNumbers(ArrayPool pool, int rows) {
    this.pool = pool;
    this.rows = rows;
  }

  /** Log-probabilities of the trained tokens, in order. */
  double[] logProbs(LogProbs of, List<TrainedTokens> documents) {
    return inParts(
        documents,
        part ->
            of.compute(pool, part.ids(), part.targets(), part.layout(), part.count()).logProbs());
  }

  /** Values of the states before the trained tokens, in order. */
  double[] values(ScoredModel model, List<TrainedTokens> documents) {
    return inParts(
        documents,
        part -> {
          double[] values = new double[part.ids().length];
          try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
            Shape shape = Shape.of(part.count(), part.layout().tokens());
            Tensor all =
                model.values(
                    ForwardPass.inference(tape, model.parameters()),
                    tape.constant(part.ids(), shape),
                    part.layout());
            model.parameters().backend().download(all.array(), values, 0);
          }
          return values;
        });
  }

  private double[] inParts(
      List<TrainedTokens> documents, Function<DocumentRows, double[]> numbers) {
    double[] all = new double[documents.stream().mapToInt(TrainedTokens::trainedCount).sum()];
    int at = 0;
    for (int first = 0; first < documents.size(); first += rows) {
      DocumentRows part =
          DocumentRows.of(documents.subList(first, Math.min(documents.size(), first + rows)));
      double[] some = Episodes.fromRows(part, numbers.apply(part));
      System.arraycopy(some, 0, all, at, some.length);
      at += some.length;
    }
    return Arrays.copyOf(all, at);
  }
}

package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.scaling.RunForecast;
import dev.firesteel.scaling.RunForecast.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The validation loss that a run heads for, from its evaluations so far: {@link RunForecast}, with
 * steps in place of tokens, which are as many in each step.
 */
final class FinalLoss {
  /** The forecast is a function of the evaluations alone. */
  private static final long SEED = 0;

  private final List<Evaluation> evaluations = new ArrayList<>();

  /** Adds an evaluation after those before it. */
  void add(long step, double loss) {
    if (step > 0 && Double.isFinite(loss)) {
      evaluations.add(new Evaluation(step, loss));
    }
  }

  /** The forecast of a run's rows in {@code metrics.jsonl}. */
  static Optional<String> of(List<JsonNode> rows, long steps) {
    FinalLoss loss = new FinalLoss();
    for (JsonNode row : rows) {
      JsonNode value = row.path(Metrics.VALIDATION_LOSS.key());
      if (value.isNumber()) {
        loss.add(row.path("step").asLong(), value.asDouble());
      }
    }
    return loss.text(steps);
  }

  /**
   * The forecast; empty with few evaluations, and when the run has ended.
   *
   * @param steps of the whole run
   */
  Optional<String> text(long steps) {
    if (evaluations.isEmpty() || evaluations.get(evaluations.size() - 1).tokens() >= steps) {
      return Optional.empty();
    }
    return RunForecast.of(evaluations, (double) steps, SEED)
        .map(
            forecast ->
                String.format(
                    Locale.ROOT,
                    "%.4f (%.4f to %.4f)",
                    forecast.loss(),
                    forecast.low(),
                    forecast.high()));
  }
}

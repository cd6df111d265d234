package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoublePredicate;

/**
 * The numbers of {@code metrics.jsonl} over the steps, as the rules of {@link RunDiagnosis} ask.
 */
final class RunCurves {
  private final Map<String, Curve> curves = new HashMap<>();

  /** The values of one metric at the steps that have one. */
  record Curve(List<Long> steps, List<Double> values) {
    int size() {
      return values.size();
    }

    /** Mean of the values from one index to before another. */
    double mean(int from, int to) {
      return values.subList(from, to).stream().mapToDouble(Double::doubleValue).average().orElse(0);
    }

    /** Mean of the last quarter. */
    double late() {
      return mean(size() - quarter(), size());
    }

    /** Mean of the first quarter. */
    double early() {
      return mean(0, quarter());
    }

    /** Number of values in a quarter, at least 1. */
    int quarter() {
      return Math.max(1, size() / 4);
    }

    /** Share of the last half for which a condition holds. */
    double lateShare(DoublePredicate condition) {
      List<Double> half = values.subList(size() / 2, size());
      return (double) half.stream().filter(condition::test).count() / half.size();
    }

    /**
     * The deviation of the noise between neighbouring values: of their differences, divided by the
     * square root of 2.
     */
    double noise() {
      double squares = 0;
      for (int i = 1; i < size(); i++) {
        double difference = values.get(i) - values.get(i - 1);
        squares += difference * difference;
      }
      return size() < 2 ? 0 : Math.sqrt(squares / (size() - 1) / 2);
    }

    /** Kendall's tau of values and steps: 1 if each value is above all before it. */
    double trend() {
      long up = 0;
      long down = 0;
      for (int i = 0; i < size(); i++) {
        for (int j = i + 1; j < size(); j++) {
          up += values.get(j) > values.get(i) ? 1 : 0;
          down += values.get(j) < values.get(i) ? 1 : 0;
        }
      }
      long pairs = (long) size() * (size() - 1) / 2;
      return pairs == 0 ? 0 : (double) (up - down) / pairs;
    }

    /** Means of windows, one that ends at each value from the first whole window. */
    double[] smooth(int window) {
      double[] means = new double[size() - window + 1];
      Arrays.setAll(means, i -> mean(i, i + window));
      return means;
    }
  }

  RunCurves(List<JsonNode> rows) {
    for (JsonNode row : rows) {
      for (Map.Entry<String, JsonNode> field : row.properties()) {
        if (field.getValue().isNumber()) {
          Curve curve =
              curves.computeIfAbsent(
                  field.getKey(), key -> new Curve(new ArrayList<>(), new ArrayList<>()));
          curve.steps().add(row.path("step").asLong());
          curve.values().add(field.getValue().asDouble());
        }
      }
    }
  }

  /** Whether a metric has at least a number of values. */
  boolean has(String key, int count) {
    return curves.containsKey(key) && curves.get(key).size() >= count;
  }

  /** The curve of a metric that there is. */
  Curve of(String key) {
    return curves.get(key);
  }

  /** Values of one metric divided by those of another at the same steps. */
  Curve ratio(String key, String by) {
    Curve over = curves.get(key);
    Curve under = curves.get(by);
    Curve ratio = new Curve(new ArrayList<>(), new ArrayList<>());
    for (int i = 0; i < over.size(); i++) {
      int at = under.steps().indexOf(over.steps().get(i));
      if (at >= 0 && under.values().get(at) != 0) {
        ratio.steps().add(over.steps().get(i));
        ratio.values().add(over.values().get(i) / under.values().get(at));
      }
    }
    return ratio;
  }
}

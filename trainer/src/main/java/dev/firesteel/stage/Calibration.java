package dev.firesteel.stage;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.example.Example;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * How far a reward model's confidence can be trusted: with the confidence {@code sigmoid(|margin|)}
 * of each pair of held-out answers, the pairs of a bin of confidences should be right as often as
 * their mean confidence says.
 *
 * @param pairs of each bin
 * @param confidence mean of each bin
 * @param accuracy share of each bin's pairs in which the chosen answer has the greater score
 */
@SuppressWarnings("ArrayRecordComponent") // A table of numbers; never compared.
record Calibration(int[] pairs, double[] confidence, double[] accuracy) {
  /** Expected calibration error (Guo et al. 2017, equation 5). */
  static final Metric ERROR =
      Metric.of("val_calibration_error", "calibration error", Unit.SHARE)
          .startingAtZero()
          .offProgressLine();

  /** Confidences are at least 0.5. */
  private static final int BINS = 10;

  private static final double Z95 = 1.959964;

  /**
   * The calibration on examples, of whose answers all pairs count.
   *
   * @param scores raw scores of all answers, in order
   */
  static Calibration of(double[] scores, List<Example> examples) {
    int[] count = new int[BINS];
    double[] sum = new double[BINS];
    double[] right = new double[BINS];
    int at = 0;
    for (Example example : examples) {
      int answers = example.documents().size();
      for (int i = 0; i < answers; i++) {
        for (int j = i + 1; j < answers; j++) {
          double margin = scores[at + i] - scores[at + j];
          double confidence = 1 / (1 + Math.exp(-Math.abs(margin)));
          int bin = (int) Math.min(BINS - 1, (confidence - 0.5) * 2 * BINS);
          count[bin]++;
          sum[bin] += confidence;
          right[bin] += margin > 0 ? 1 : 0;
        }
      }
      at += answers;
    }
    for (int bin = 0; bin < BINS; bin++) {
      sum[bin] /= Math.max(1, count[bin]);
      right[bin] /= Math.max(1, count[bin]);
    }
    return new Calibration(count, sum, right);
  }

  /** Pairs of all bins. */
  int pairCount() {
    int all = 0;
    for (int one : pairs) {
      all += one;
    }
    return all;
  }

  /** Share of all pairs in which the chosen answer has the greater score. */
  double rightShare() {
    long right = 0;
    for (int bin = 0; bin < BINS; bin++) {
      right += Math.round(accuracy[bin] * pairs[bin]);
    }
    return pairCount() == 0 ? Double.NaN : (double) right / pairCount();
  }

  /** The mean difference of confidence and accuracy, weighted by pairs. */
  double error() {
    double error = 0;
    double all = 0;
    for (int bin = 0; bin < BINS; bin++) {
      error += pairs[bin] * Math.abs(confidence[bin] - accuracy[bin]);
      all += pairs[bin];
    }
    return all == 0 ? 0 : error / all;
  }

  /** The bins as the report reads them. */
  byte[] json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ArrayNode bins = json.putArray("bins");
    for (int bin = 0; bin < BINS; bin++) {
      bins.addObject()
          .put("pairs", pairs[bin])
          .put("confidence", confidence[bin])
          .put("accuracy", accuracy[bin]);
    }
    return (json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** The 95 % interval of a share of {@code count} observations (Wilson 1927). */
  static double[] wilson(double share, double count) {
    double z2 = Z95 * Z95;
    double center = (share + z2 / (2 * count)) / (1 + z2 / count);
    double half =
        Z95 / (1 + z2 / count) * Math.sqrt(share * (1 - share) / count + z2 / (4 * count * count));
    return new double[] {center - half, center + half};
  }
}

package dev.firesteel.train;

import dev.firesteel.collective.Collective;
import dev.firesteel.metrics.Histogram;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Histograms of weights and gradients, one for each trained parameter. Rank 0 counts the weights,
 * which every rank has; each rank counts the gradients that it owns, and rank 0 adds the counts up.
 */
final class ParameterHistograms {
  private static final int CHUNK = 1 << 16;

  private ParameterHistograms() {}

  /**
   * The histograms of all models that learn: of their weights, and of the gradients that their
   * learners have counted. Every rank must call it.
   *
   * @return empty on other ranks than the first
   */
  static List<Histogram> of(List<StageModel> models, Collective collective) {
    List<Histogram> histograms = new ArrayList<>();
    for (int i = 0; i < models.size(); i++) {
      StageModel model = models.get(i);
      if (model.learner().isEmpty()) {
        continue;
      }
      ParameterSet parameters = model.model().parameters();
      String prefix = i == 0 ? "" : model.name() + "/";
      if (collective.rank() == 0) {
        List<HistogramCounter> weights =
            count(parameters.weights(), List.of(new SegmentRange(0, parameters.trainedSize())));
        histograms.addAll(named(prefix + "weights/", parameters, weights));
      }
      List<HistogramCounter> gradients = sum(model.learner().get().gradients(), collective);
      histograms.addAll(named(prefix + "gradients/", parameters, gradients));
    }
    return histograms;
  }

  private static List<Histogram> named(
      String prefix, ParameterSet parameters, List<HistogramCounter> counters) {
    List<Histogram> histograms = new ArrayList<>();
    for (int i = 0; i < counters.size(); i++) {
      if (!counters.get(i).isEmpty()) {
        histograms.add(counters.get(i).histogram(prefix + parameters.trained().get(i).name()));
      }
    }
    return histograms;
  }

  /** One counter for each trained parameter, of its elements in the given ranges. */
  static List<HistogramCounter> count(Segment segment, List<SegmentRange> ranges) {
    List<HistogramCounter> counters = new ArrayList<>();
    float[] chunk = new float[CHUNK];
    for (Parameter parameter : segment.parameters().trained()) {
      HistogramCounter counter = new HistogramCounter();
      for (SegmentRange range : ranges) {
        long end = Math.min(range.end(), parameter.offset() + parameter.size());
        for (long at = Math.max(range.begin(), parameter.offset()); at < end; at += CHUNK) {
          int length = (int) Math.min(CHUNK, end - at);
          segment.memory().download(segment.range(at, at + length), chunk, 0);
          counter.add(chunk, length);
        }
      }
      counters.add(counter);
    }
    return counters;
  }

  /** The counts of all ranks, on the first; empty on the others. */
  private static List<HistogramCounter> sum(List<HistogramCounter> mine, Collective collective) {
    if (collective.worldSize() == 1) {
      return mine;
    }
    byte[][] all = collective.allGather(bytes(mine));
    if (collective.rank() != 0) {
      return List.of();
    }
    List<HistogramCounter> total = new ArrayList<>();
    for (byte[] theirs : all) {
      ByteBuffer in = ByteBuffer.wrap(theirs);
      for (int i = 0; in.hasRemaining(); i++) {
        double[] values = new double[in.getInt()];
        in.asDoubleBuffer().get(values);
        in.position(in.position() + values.length * Double.BYTES);
        if (i == total.size()) {
          total.add(new HistogramCounter());
        }
        total.get(i).add(values);
      }
    }
    return total;
  }

  private static byte[] bytes(List<HistogramCounter> counters) {
    List<double[]> values = counters.stream().map(HistogramCounter::values).toList();
    int size = values.stream().mapToInt(each -> Integer.BYTES + each.length * Double.BYTES).sum();
    ByteBuffer out = ByteBuffer.allocate(size);
    for (double[] each : values) {
      out.putInt(each.length);
      out.asDoubleBuffer().put(each);
      out.position(out.position() + each.length * Double.BYTES);
    }
    return out.array();
  }
}

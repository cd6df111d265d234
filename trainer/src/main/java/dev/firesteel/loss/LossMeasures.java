package dev.firesteel.loss;

import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import java.util.ArrayList;
import java.util.List;

/**
 * Named numbers of a part of a global batch, which combine with those of the other parts: means are
 * kept as shares (this part's sum over the denominator of the whole) and added; extremes are those
 * of the parts' extremes. Immutable.
 */
public final class LossMeasures {
  private enum Kind {
    SHARE,
    LEAST,
    GREATEST
  }

  private record Part(Metric metric, Kind kind, double value) {
    double combined(double other) {
      return switch (kind) {
        case SHARE -> value + other;
        case LEAST -> StrictMath.min(value, other);
        case GREATEST -> StrictMath.max(value, other);
      };
    }
  }

  private static final LossMeasures NONE = new LossMeasures(List.of());

  private final List<Part> parts;

  private LossMeasures(List<Part> parts) {
    this.parts = parts;
  }

  /** No measures. */
  public static LossMeasures none() {
    return NONE;
  }

  /** These and a share of a mean: this part's sum over the denominator of the global batch. */
  public LossMeasures share(Metric metric, double value) {
    return with(new Part(metric, Kind.SHARE, value));
  }

  /** These and a least value; infinity if the part has no values. */
  public LossMeasures least(Metric metric, double value) {
    return with(new Part(metric, Kind.LEAST, value));
  }

  /** These and a greatest value; negative infinity if the part has no values. */
  public LossMeasures greatest(Metric metric, double value) {
    return with(new Part(metric, Kind.GREATEST, value));
  }

  private LossMeasures with(Part part) {
    List<Part> more = new ArrayList<>(parts);
    more.add(part);
    return new LossMeasures(List.copyOf(more));
  }

  /** These followed by measures of another loss. */
  public LossMeasures and(LossMeasures others) {
    List<Part> all = new ArrayList<>(parts);
    all.addAll(others.parts);
    return new LossMeasures(List.copyOf(all));
  }

  /**
   * The same measures of this part of the batch and another one together.
   *
   * @throws IllegalArgumentException unless both have the same metrics in the same order
   */
  public LossMeasures plus(LossMeasures other) {
    return combined(other.values(), other.metrics());
  }

  /**
   * The same measures of this part of the batch and another one, such as another rank's, of which
   * only the {@link #values} are known.
   */
  public LossMeasures plus(double... values) {
    return combined(values, metrics());
  }

  /** The same metrics with the {@link #values} of another part, such as another rank's. */
  public LossMeasures withValues(double... values) {
    if (values.length != parts.size()) {
      throw new IllegalArgumentException(
          "loss: parts of a batch must have the same measures, got %d values for %s"
              .formatted(values.length, metrics()));
    }
    List<Part> others = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      others.add(new Part(parts.get(i).metric, parts.get(i).kind, values[i]));
    }
    return new LossMeasures(List.copyOf(others));
  }

  private LossMeasures combined(double[] values, List<Metric> metrics) {
    if (values.length != parts.size() || !metrics.equals(metrics())) {
      throw new IllegalArgumentException(
          "loss: parts of a batch must have the same measures, got "
              + metrics()
              + " and "
              + metrics);
    }
    List<Part> sums = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      Part part = parts.get(i);
      sums.add(new Part(part.metric, part.kind, part.combined(values[i])));
    }
    return new LossMeasures(List.copyOf(sums));
  }

  private List<Metric> metrics() {
    return parts.stream().map(Part::metric).toList();
  }

  /** The numbers alone, in order, to be sent to other ranks. */
  public double[] values() {
    return parts.stream().mapToDouble(Part::value).toArray();
  }

  /** The measures of the whole batch, once its parts are combined; NaN for extremes of nothing. */
  public Measures measures() {
    Measures measures = Measures.none();
    for (Part part : parts) {
      boolean absent = part.kind != Kind.SHARE && Double.isInfinite(part.value);
      measures = measures.with(part.metric, absent ? Double.NaN : part.value);
    }
    return measures;
  }
}

package dev.firesteel.metrics;

import java.util.List;

/** The metrics that training stages share. */
public final class Metrics {
  private static final String LOSS_CHART = "Loss";

  /** Loss of a step's global batch before its update. */
  public static final Metric LOSS = Metric.of("loss", "loss", Unit.NATS).in(LOSS_CHART);

  /** Learning rate of a step. */
  public static final Metric LEARNING_RATE =
      Metric.of("lr", "learning rate", Unit.NONE).startingAtZero().offProgressLine();

  /** Global 2-norm of a step's gradient before clipping. */
  public static final Metric GRADIENT_NORM =
      Metric.of("grad_norm", "gradient norm", Unit.NONE)
          .in("Gradient norm before clipping")
          .startingAtZero()
          .offProgressLine();

  /** Mean since the previous report, excluding evaluations and checkpoints. */
  public static final Metric TOKENS_PER_SECOND =
      Metric.of("tokens_per_second", "tokens/s", Unit.TOKENS_PER_SECOND)
          .in("Throughput")
          .startingAtZero();

  /** Time per step, a mean since the previous report, excluding evaluations and checkpoints. */
  public static final Metric STEP_MILLIS =
      Metric.of("step_ms", "step time", Unit.MILLISECONDS).startingAtZero().offProgressLine();

  /** Bytes per step that the compute threads allocated on rank 0's Java heap, likewise a mean. */
  public static final Metric ALLOCATED_BYTES =
      Metric.of("allocated_bytes_per_step", "allocated per step", Unit.BYTES)
          .in("Java heap allocated per step")
          .startingAtZero()
          .offProgressLine();

  /** Time per step in rank 0's garbage collections, likewise a mean. */
  public static final Metric GC_MILLIS =
      Metric.of("gc_ms", "garbage collection per step", Unit.MILLISECONDS)
          .startingAtZero()
          .offProgressLine();

  /** Mean cross-entropy on the validation set. */
  public static final Metric VALIDATION_LOSS =
      Metric.of("val_loss", "validation loss", Unit.NATS).in(LOSS_CHART);

  /** {@code validation loss / ln 2 x tokens per byte}, comparable between tokenizers. */
  public static final Metric BITS_PER_BYTE =
      Metric.of("val_bpb", "bits per byte", Unit.BITS_PER_BYTE);

  private static final List<Metric> SHARED =
      List.of(
          LOSS,
          LEARNING_RATE,
          GRADIENT_NORM,
          TOKENS_PER_SECOND,
          STEP_MILLIS,
          ALLOCATED_BYTES,
          GC_MILLIS,
          VALIDATION_LOSS,
          BITS_PER_BYTE);

  private Metrics() {}

  /** The metric with a key: one of those above, or else a plain number with that name. */
  public static Metric of(String key) {
    return SHARED.stream()
        .filter(metric -> metric.key().equals(key))
        .findFirst()
        .orElseGet(() -> Metric.of(key, key.replace('_', ' '), Unit.NONE));
  }
}

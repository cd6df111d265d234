package dev.firesteel.spark.cli;

import dev.firesteel.config.StageConfig;
import dev.firesteel.plan.FlopPlan;
import dev.firesteel.plan.MemoryPart;
import dev.firesteel.plan.ParameterPart;
import dev.firesteel.plan.Quantities;
import dev.firesteel.plan.RunPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A plan as text. */
final class PlanText {

  /** Between a row's name and its value. */
  private static final char COLUMN = '\t';

  private static final int LEAST_WIDTH = 46;

  /**
   * A plan in the format of {@code --json}.
   *
   * @param availableHeapBytes the largest heap of the process that will train
   * @param flopsPerSecond measured on matmuls; null if not measured
   * @param stepSeconds estimated from it; null likewise
   */
  record Document(
      RunPlan plan,
      PlannedData data,
      long availableHeapBytes,
      Double flopsPerSecond,
      Double stepSeconds) {
    Document(RunPlan plan, PlannedData data, long availableHeapBytes, Double flopsPerSecond) {
      this(
          plan,
          data,
          availableHeapBytes,
          flopsPerSecond,
          flopsPerSecond == null ? null : plan.stepSeconds(flopsPerSecond));
    }
  }

  /**
   * Measured speeds of matmuls in operations per second.
   *
   * @param matmuls of training
   * @param decoding of as many rows as completions are decoded together; NaN unless the stage
   *     samples
   */
  record Rates(double matmuls, double decoding) {}

  private PlanText() {}

  static List<String> lines(RunPlan plan, StageConfig config, PlannedData data, Rates rates) {
    List<String> lines = new ArrayList<>();
    lines.add(format("%s: %,d parameters", plan.name(), plan.parameterCount()));
    for (ParameterPart part : plan.parameters()) {
      lines.add(
          row(
              part.name(),
              format("%,d (%.1f %%)", part.count(), 100.0 * part.count() / plan.parameterCount())));
    }
    lines.add("Work");
    lines.add(
        row(
            "a step",
            format(
                "%,d tokens in %d micro-batch%s of %d x %d",
                plan.tokensPerStep(),
                plan.microBatches(),
                plan.microBatches() == 1 ? "" : "es",
                config.training().microBatchSize(),
                config.training().sequenceLength())));
    lines.add(row("the run", run(plan, data)));
    flops(plan.flops(), lines);
    memory(plan, lines);
    lines.add("Disk");
    lines.add(
        row(
            "a checkpoint",
            format(
                "%s, of which the run keeps up to %d",
                Quantities.bytes(plan.checkpointBytes()), plan.checkpoints())));
    lines.add("Estimated time");
    if (rates == null) {
      lines.add(row("not measured", "omit --no-probe"));
    } else {
      double flopsPerSecond = rates.matmuls();
      double rollouts = plan.rolloutFlops() == 0 ? 0 : plan.rolloutSeconds(rates.decoding());
      double step = plan.stepSeconds(flopsPerSecond) + rollouts;
      lines.add(row("matmuls", format("%.0f GFLOP/s, measured just now", flopsPerSecond * 1e-9)));
      if (rollouts > 0) {
        lines.add(
            row(
                "rollouts of a step",
                format(
                    "%s at most, at %.0f GFLOP/s",
                    Quantities.duration(rollouts), rates.decoding() * 1e-9)));
      }
      lines.add(
          row(
              "a step",
              format(
                  "%s, %,.0f tokens/s", Quantities.duration(step), plan.tokensPerStep() / step)));
      lines.add(
          row(
              "the run",
              Quantities.duration(step * plan.steps()) + ", without evaluations and checkpoints"));
    }
    return aligned(lines);
  }

  private static String run(RunPlan plan, PlannedData data) {
    long tokens = plan.steps() * plan.tokensPerStep();
    String work = format("%,d steps, %,d tokens", plan.steps(), tokens);
    return data.prepared()
        ? work
            + format(
                ", %.2f epochs of the %,d in %s",
                (double) tokens / data.trainingTokens(), data.trainingTokens(), data.folder())
        : work + "; the data is not prepared yet (" + data.folder() + ")";
  }

  private static void flops(FlopPlan flops, List<String> lines) {
    lines.add(row("FLOPs per token", format("%.4g = %s", flops.perToken(), flops.formula())));
    if (flops.recomputedPerToken() > 0) {
      lines.add(row("", format("and %.4g for compute.recompute", flops.recomputedPerToken())));
    }
    lines.add(row("FLOPs per step", format("%.4g", flops.perStep())));
  }

  private static void memory(RunPlan plan, List<String> lines) {
    lines.add("Peak memory of training");
    for (MemoryPart part : plan.memory().parts()) {
      lines.add(
          row(
              part.name(),
              part.nativeBytes() == 0
                  ? Quantities.bytes(part.heapBytes())
                  : (part.heapBytes() == 0 ? "" : Quantities.bytes(part.heapBytes()) + " and ")
                      + Quantities.bytes(part.nativeBytes())
                      + " outside the heap"));
    }
    lines.add(
        row(
            "in all",
            Quantities.bytes(plan.memory().peakHeapBytes())
                + " of heap, "
                + Quantities.bytes(plan.memory().peakNativeBytes())
                + " outside"));
    lines.add(
        row(
            "recommended",
            "-Xmx"
                + Quantities.heapOption(plan.memory().recommendedHeapBytes())
                + " (on a cluster spark.executor.memory="
                + Quantities.heapOption(plan.memory().recommendedHeapBytes())
                + ", spark.executor.memoryOverhead="
                + Quantities.heapOption(plan.memory().recommendedOverheadBytes())
                + ")"));
  }

  private static String row(String name, String value) {
    return "  " + name + COLUMN + value;
  }

  /** Aligns the rows' values in a column, at least two spaces after the longest name. */
  private static List<String> aligned(List<String> lines) {
    int width =
        Math.max(
            LEAST_WIDTH, lines.stream().mapToInt(line -> line.indexOf(COLUMN) + 2).max().orElse(0));
    return lines.stream()
        .map(
            line -> {
              int column = line.indexOf(COLUMN);
              return column < 0
                  ? line
                  : line.substring(0, column)
                      + " ".repeat(width - column)
                      + line.substring(column + 1);
            })
        .toList();
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}

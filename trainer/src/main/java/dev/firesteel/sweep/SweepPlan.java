package dev.firesteel.sweep;

import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.Sweep;
import dev.firesteel.config.SweepLengths;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.MemoryPart;
import dev.firesteel.plan.ParameterCount;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.apache.hadoop.conf.Configuration;

/**
 * The runs of a sweep with their lengths, what they need and how far they are.
 *
 * @param runs the most expensive first, so that the last ones to end are short
 * @param duplicates names of runs that compute the same as an earlier one, with the name of that
 */
public record SweepPlan(Sweep sweep, List<SweepRun> runs, Map<String, String> duplicates) {
  public SweepPlan {
    runs = List.copyOf(runs);
  }

  /**
   * Plans a sweep.
   *
   * @param vocabulary rows of a run's embedding
   * @param flopsPerSecond of one thread; NaN to leave the times out
   * @throws UserException if a run would have no step
   */
  public static SweepPlan of(
      Sweep sweep,
      ToIntFunction<PretrainConfig> vocabulary,
      double flopsPerSecond,
      Configuration hadoop) {
    Map<String, SweepRun> byHash = new LinkedHashMap<>();
    Map<String, String> duplicates = new LinkedHashMap<>();
    for (Sweep.Run run : sweep.runs()) {
      SweepRun planned =
          plan(sweep, run, vocabulary.applyAsInt(run.config()), flopsPerSecond, hadoop);
      SweepRun first = byHash.putIfAbsent(planned.hash(), planned);
      if (first != null) {
        duplicates.put(planned.name(), first.name());
      }
    }
    List<SweepRun> runs = new ArrayList<>(byHash.values());
    runs.sort(Comparator.comparingDouble(SweepRun::flops).reversed());
    return new SweepPlan(sweep, runs, duplicates);
  }

  private static SweepRun plan(
      Sweep sweep, Sweep.Run run, int vocabularySize, double flopsPerSecond, Configuration hadoop) {
    RunPlan plan =
        RunPlan.of(
            run.config(),
            vocabularySize,
            Math.max(1, run.config().compute().threads()),
            new MemoryPart("process", 0, 0),
            1L << 40,
            StageInputs.NONE);
    SweepRun.Size size =
        new SweepRun.Size(
            plan.parameterCount(),
            ParameterCount.NON_EMBEDDING.of(
                run.config().model().withVocabularySize(vocabularySize)),
            plan.flops().productWeights(),
            plan.flops().perToken());
    PretrainConfig config = withLength(sweep, run, size);
    return new SweepRun(
            run.axes(),
            config,
            size,
            plan.stepSeconds(flopsPerSecond),
            plan.checkpointBytes(),
            SweepRun.State.NEW,
            0)
        .now(hadoop);
  }

  private static PretrainConfig withLength(Sweep sweep, Sweep.Run run, SweepRun.Size size) {
    SweepLengths lengths = sweep.config().lengths();
    double tokens =
        switch (lengths.measure()) {
          case FLOPS -> run.length() / size.flopsPerToken();
          case TOKENS_PER_PARAMETER -> run.length() * size.parameters();
          case TOKENS -> run.length();
          case STEPS -> Double.NaN;
        };
    if (Double.isNaN(tokens)) {
      return run.config();
    }
    long perStep = run.config().training().tokensPerStep();
    long steps = Math.round(tokens / perStep);
    if (steps < 1 || steps > Integer.MAX_VALUE) {
      throw UserException.usage(
          "the run %s must have 1 to %d steps of %d tokens, got %.3g tokens: change lengths or training.global_batch_size"
              .formatted(run.config().name(), Integer.MAX_VALUE, perStep, tokens));
    }
    return run.withSteps(steps, lengths.warmupShare());
  }

  /** The same plan, with the runs as far as they are now. */
  public SweepPlan now(Configuration hadoop) {
    return new SweepPlan(sweep, runs.stream().map(run -> run.now(hadoop)).toList(), duplicates);
  }

  /** The runs that are not finished. */
  public List<SweepRun> left() {
    return runs.stream().filter(run -> run.state() != SweepRun.State.FINISHED).toList();
  }

  /** Expected duration of what is left, if so many runs are trained at the same time. */
  public double secondsLeft(int parallel) {
    double sum = left().stream().mapToDouble(SweepRun::secondsLeft).sum();
    double longest = left().stream().mapToDouble(SweepRun::secondsLeft).max().orElse(0);
    return Math.max(longest, sum / parallel);
  }

  /** Disk that the checkpoints of all runs take when they are finished. */
  public long checkpointBytes() {
    return runs.stream()
        .mapToLong(run -> run.checkpointBytes() * Math.max(1, run.config().checkpoint().keepLast()))
        .sum();
  }
}

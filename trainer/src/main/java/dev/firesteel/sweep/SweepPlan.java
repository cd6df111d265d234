package dev.firesteel.sweep;

import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.ScheduleConfig;
import dev.firesteel.config.Sweep;
import dev.firesteel.config.SweepLengths;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.MemoryPart;
import dev.firesteel.plan.ParameterCount;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import dev.firesteel.run.RunDirectory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The runs of a sweep with their lengths, what they need and how far they are.
 *
 * @param runs the most expensive first, so that the last ones to end are short
 * @param duplicates names of runs that compute the same as an earlier one, with the name of that
 * @param leftOut names of runs with fewer or more tokens for each parameter than {@link
 *     SweepLengths} allows
 */
public record SweepPlan(
    Sweep sweep, List<SweepRun> runs, Map<String, String> duplicates, List<String> leftOut) {
  public SweepPlan {
    runs = List.copyOf(runs);
    leftOut = List.copyOf(leftOut);
  }

  /**
   * Plans a sweep.
   *
   * @param vocabulary rows of a run's embedding
   * @param flopsPerSecond of one thread; NaN to leave the times out
   * @throws UserException if a run would have no step, or no run is left
   */
  public static SweepPlan of(
      Sweep sweep,
      ToIntFunction<PretrainConfig> vocabulary,
      double flopsPerSecond,
      Configuration hadoop) {
    Map<String, SweepRun> byHash = new LinkedHashMap<>();
    Map<String, String> duplicates = new LinkedHashMap<>();
    List<String> leftOut = new ArrayList<>();
    SweepLengths lengths = sweep.config().lengths();
    List<SweepRun> wanted = new ArrayList<>();
    for (Sweep.Run run : sweep.runs()) {
      SweepRun planned = plan(sweep, run, vocabulary.applyAsInt(run.config()), flopsPerSecond);
      if (lengths.wants((double) planned.tokens() / planned.size().parameters())) {
        wanted.add(planned);
      } else {
        leftOut.add(planned.name());
      }
    }
    for (SweepRun planned : lengths.branches() ? branches(sweep, wanted) : wanted) {
      SweepRun first = byHash.putIfAbsent(planned.hash(), planned);
      if (first != null) {
        duplicates.put(planned.name(), first.name());
      }
    }
    if (byHash.isEmpty()) {
      throw UserException.usage(
          "a sweep must have a run, got only such with too few or too many tokens for each parameter: change lengths.min_tokens_per_parameter or lengths.max_tokens_per_parameter");
    }
    List<SweepRun> runs = new ArrayList<>(byHash.values());
    runs.sort(Comparator.comparingDouble(SweepRun::flops).reversed());
    return new SweepPlan(sweep, runs, duplicates, leftOut).now(hadoop);
  }

  /** Runs that differ in length alone, by all their other values; the shortest first. */
  private static Collection<List<SweepRun>> paths(Sweep sweep, List<SweepRun> runs) {
    Map<Map<String, String>, List<SweepRun>> paths = new LinkedHashMap<>();
    for (SweepRun run : runs) {
      Map<String, String> others = new LinkedHashMap<>(run.axes());
      others.remove(sweep.config().lengths().key());
      paths.computeIfAbsent(others, key -> new ArrayList<>()).add(run);
    }
    paths.values().forEach(path -> path.sort(Comparator.comparingLong(SweepRun::tokens)));
    return paths.values();
  }

  /** The runs, each of which begins where the next shorter one starts to decay. */
  private static List<SweepRun> branches(Sweep sweep, List<SweepRun> runs) {
    List<SweepRun> branches = new ArrayList<>();
    for (List<SweepRun> path : paths(sweep, runs)) {
      int warmup = path.get(0).config().schedule().warmupSteps();
      long from = 0;
      for (SweepRun run : path) {
        if (run.config().schedule().kind() != ScheduleConfig.Kind.WSD) {
          throw UserException.usage(
              "runs with branches must have schedule.kind wsd, got %s in %s: set keys.schedule.kind=wsd, or lengths.branches=false"
                  .formatted(
                      run.config().schedule().kind().name().toLowerCase(Locale.ROOT), run.name()));
        }
        branches.add(run.branching(from, warmup));
        from = run.decayStart();
      }
    }
    return branches;
  }

  /** The runs that are not finished and are to be trained one at a time by all executors. */
  public List<SweepRun> distributed() {
    return left().stream().filter(this::isDistributed).toList();
  }

  private boolean isDistributed(SweepRun run) {
    double from = sweep.config().distributeFromFlops();
    return from > 0 && run.flops() >= from && !sweep.config().lengths().branches();
  }

  /**
   * The other runs that are not finished, in the order in which they are to be trained: those of a
   * list one after another, each beginning with the weights of the one before; the lists
   * independently, the most expensive first.
   */
  public List<List<SweepRun>> paths() {
    List<SweepRun> left = left().stream().filter(run -> !isDistributed(run)).toList();
    return sweep.config().lengths().branches()
        ? List.copyOf(paths(sweep, left))
        : left.stream().map(List::of).toList();
  }

  private static SweepRun plan(
      Sweep sweep, Sweep.Run run, int vocabularySize, double flopsPerSecond) {
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
        0,
        0);
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
    boolean skills = sweep.config().skillProblems() > 0;
    return new SweepPlan(
        sweep, runs.stream().map(run -> run.now(hadoop, skills)).toList(), duplicates, leftOut);
  }

  /** The sweep's folder, for what is written beside the runs. */
  public RunDirectory folder(Configuration hadoop) {
    return RunDirectory.at(new Path(sweep.config().folder()), hadoop);
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

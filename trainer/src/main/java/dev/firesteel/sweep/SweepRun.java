package dev.firesteel.sweep;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.ScheduleConfig;
import dev.firesteel.run.RunDirectory;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.hadoop.conf.Configuration;

/**
 * One run of a sweep, before and after it.
 *
 * @param axes the values that distinguish it, by key
 * @param size parameters by three counts, and operations
 * @param stepSeconds expected duration of a step by one thread; NaN if it was not estimated
 * @param checkpointBytes of one checkpoint
 * @param state how far it is
 * @param step of its last checkpoint; 0 without one
 * @param branchStep step up to which it is the same as a shorter run, whose weights it takes over;
 *     0 if it is trained from the start
 */
public record SweepRun(
    Map<String, String> axes,
    PretrainConfig config,
    Size size,
    double stepSeconds,
    long checkpointBytes,
    State state,
    long step,
    long branchStep) {

  /** How far a run is. */
  public enum State {
    NEW,
    INTERRUPTED,
    FINISHED
  }

  /**
   * Size of a run's model by the counts that scaling laws are fitted to.
   *
   * @param parameters all of them
   * @param nonEmbedding without embeddings of tokens and positions, and without the head
   * @param matmul weights in matmuls, the head included
   * @param flopsPerToken of forward and backward, counted exactly
   */
  public record Size(long parameters, long nonEmbedding, long matmul, double flopsPerToken) {}

  /**
   * The same run, as far as its checkpoints are now.
   *
   * @param skills whether its skills have to be measured before it is finished
   */
  SweepRun now(Configuration hadoop, boolean skills) {
    RunDirectory run = RunDirectory.of(config, hadoop);
    OptionalLong last =
        run.checkpoints(notice -> {}).latest().stream().mapToLong(Checkpoint::step).findFirst();
    State reached =
        last.isEmpty()
            ? State.NEW
            : last.getAsLong() >= config.training().steps() && (!skills || SkillFile.exists(run))
                ? State.FINISHED
                : State.INTERRUPTED;
    return new SweepRun(
        axes, config, size, stepSeconds, checkpointBytes, reached, last.orElse(0), branchStep);
  }

  /** The same run, as a branch of a shorter one, and with the warm-up of all its branches. */
  SweepRun branching(long from, int warmupSteps) {
    return new SweepRun(
        axes,
        (PretrainConfig) ConfigLoader.with(config, "schedule.warmup_steps=" + warmupSteps),
        size,
        stepSeconds,
        checkpointBytes,
        state,
        step,
        from);
  }

  /** The step at which its learning rate begins to fall, which is where longer runs branch off. */
  public int decayStart() {
    return decayStart(config);
  }

  private static int decayStart(PretrainConfig config) {
    return config.training().steps() - config.schedule().decaySteps();
  }

  /** A run until its {@link #decayStart}, at the constant rate. */
  public static PretrainConfig beforeDecay(PretrainConfig config) {
    return (PretrainConfig)
        ConfigLoader.with(
            config,
            "schedule.kind=constant",
            "schedule.decay_steps=0",
            "training.steps=" + decayStart(config));
  }

  /** Name of the run and of its directory. */
  public String name() {
    return config.name();
  }

  /** Tokens that it is trained on. */
  public long tokens() {
    return config.training().tokensPerStep() * config.training().steps();
  }

  /** Tokens at which its schedule ends: those of the run, unless decay_steps says otherwise. */
  public long horizonTokens() {
    ScheduleConfig schedule = config.schedule();
    return switch (schedule.kind()) {
      case LINEAR, COSINE ->
          config.training().tokensPerStep()
              * ((long) schedule.warmupSteps() + schedule.decaySteps());
      case CONSTANT, WSD -> tokens();
    };
  }

  /** Operations of the whole run, counted exactly. */
  public double flops() {
    return size.flopsPerToken() * tokens();
  }

  /** Steps without those of the shorter run that it branches off from. */
  public long ownSteps() {
    return config.training().steps() - branchStep;
  }

  /** Operations of the {@link #ownSteps}. */
  public double ownFlops() {
    return flops() * ownSteps() / config.training().steps();
  }

  /** The usual estimate, {@code 6 N D} with all parameters. */
  public double flops6nd() {
    return 6.0 * size.parameters() * tokens();
  }

  /** Expected duration of what is left, in seconds. */
  public double secondsLeft() {
    return stepSeconds * (config.training().steps() - Math.max(step, branchStep));
  }

  /** Equal for runs that compute the same: the configuration without the name. */
  public String hash() {
    return ConfigLoader.contentHash(ConfigLoader.with(config, "name=x"));
  }
}

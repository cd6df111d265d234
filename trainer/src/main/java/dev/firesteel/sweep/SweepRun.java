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
 */
public record SweepRun(
    Map<String, String> axes,
    PretrainConfig config,
    Size size,
    double stepSeconds,
    long checkpointBytes,
    State state,
    long step) {

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

  /** The same run, as far as its checkpoints are now. */
  SweepRun now(Configuration hadoop) {
    OptionalLong last =
        RunDirectory.of(config, hadoop).checkpoints(notice -> {}).latest().stream()
            .mapToLong(Checkpoint::step)
            .findFirst();
    State reached =
        last.isEmpty()
            ? State.NEW
            : last.getAsLong() >= config.training().steps() ? State.FINISHED : State.INTERRUPTED;
    return new SweepRun(axes, config, size, stepSeconds, checkpointBytes, reached, last.orElse(0));
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

  /** The usual estimate, {@code 6 N D} with all parameters. */
  public double flops6nd() {
    return 6.0 * size.parameters() * tokens();
  }

  /** Expected duration of what is left, in seconds. */
  public double secondsLeft() {
    return stepSeconds * (config.training().steps() - step);
  }

  /** Equal for runs that compute the same: the configuration without the name. */
  public String hash() {
    return ConfigLoader.contentHash(ConfigLoader.with(config, "name=x"));
  }
}

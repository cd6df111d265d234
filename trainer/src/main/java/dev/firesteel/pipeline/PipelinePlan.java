package dev.firesteel.pipeline;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.checkpoint.state.TrainingState;
import dev.firesteel.config.ConfigDraft;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.Pipeline;
import dev.firesteel.config.PipelineConfig;
import dev.firesteel.config.PipelineLoader;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.RolloutConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.ResumeCheck;
import dev.firesteel.train.StartingModel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What of a pipeline is done and what is left to do, with the configuration of each stage. Making
 * one checks all stages, those of which the model does not exist yet too, and trains and changes
 * nothing.
 */
public final class PipelinePlan {
  private static final Logger LOG = LoggerFactory.getLogger(PipelinePlan.class);

  private static final String EVALUATION = "evaluation";

  private final Pipeline pipeline;
  private final PipelineRecord record;
  private final Configuration hadoop;
  private final List<Stage> stages = new ArrayList<>();

  /** How far a stage is. */
  public enum State {
    /** No checkpoint yet. */
    NEW,
    /** Stopped before its last step. */
    INTERRUPTED,
    /** At its last step, with a configuration that gives the same weights. */
    FINISHED
  }

  /**
   * A stage.
   *
   * @param config complete if all models that it starts from exist; otherwise with what is known of
   *     them
   * @param step of its last checkpoint; 0 without one
   */
  public record Stage(
      Pipeline.Stage of, StageConfig config, State state, Optional<Checkpoint> last, long step) {
    /** Name in the pipeline. */
    public String name() {
      return of.name();
    }

    /** The stages that it is trained from. */
    public List<String> sources() {
      List<String> sources = new ArrayList<>();
      for (String source : List.of(of.settings().from(), of.settings().reward())) {
        if (!source.isEmpty()) {
          sources.add(source);
        }
      }
      return sources;
    }

    /** Whether it trains a language model, and not a reward model. */
    public boolean answers() {
      return !config.stage().equals("reward");
    }

    /** Its length as the configuration gives it, such as {@code 300 steps} or {@code 2 epochs}. */
    public String length() {
      int steps = config.training().steps();
      double epochs = config.training().epochs();
      if (steps > 0) {
        return steps + " steps";
      }
      String number = epochs == Math.rint(epochs) ? Long.toString((long) epochs) : "" + epochs;
      return epochs == 1 ? "1 epoch" : number + " epochs";
    }

    /** Its state as a user reads it. */
    public String progress() {
      return switch (state) {
        case NEW -> "not started";
        case INTERRUPTED -> "to be continued at step " + step;
        case FINISHED -> "finished at step " + step;
      };
    }
  }

  private PipelinePlan(Pipeline pipeline, PipelineRecord record, Configuration hadoop) {
    this.pipeline = pipeline;
    this.record = record;
    this.hadoop = hadoop;
  }

  /**
   * Checks all stages and finds out how far they are.
   *
   * @param check finds further mistakes in the configuration of a stage
   * @throws UserException naming the stage
   */
  public static PipelinePlan of(
      Pipeline pipeline, PipelineRecord record, Configuration hadoop, Consumer<StageConfig> check) {
    PipelinePlan plan = new PipelinePlan(pipeline, record, hadoop);
    for (Pipeline.Stage stage : pipeline.stages()) {
      plan.stages.add(
          PipelineLoader.named(
              stage.name(),
              () -> {
                Stage planned = plan.plan(stage);
                check.accept(planned.config());
                plan.requireSameSources(planned);
                return planned;
              }));
    }
    if (pipeline.config().evaluation().isWanted()) {
      if (plan.answering().isEmpty()) {
        throw UserException.usage(
            "an evaluation needs a stage that trains a language model, got only reward models: leave the section evaluation out");
      }
      plan.prompts();
    }
    return plan;
  }

  /** The stages in their order. */
  public List<Stage> stages() {
    return List.copyOf(stages);
  }

  /** The stage of a name. */
  public Stage stage(String name) {
    return stages.stream().filter(one -> one.name().equals(name)).findFirst().orElseThrow();
  }

  /** The stages that train language models, which can be compared. */
  public List<Stage> answering() {
    return stages.stream().filter(Stage::answers).toList();
  }

  /**
   * The held-out prompts of the comparison as the data of a stage: put together as those of the
   * first stage that is trained on examples, if there is one.
   *
   * @throws UserException if the settings of the comparison do not fit the models
   */
  public ExampleStageConfig prompts() {
    PipelineConfig config = pipeline.config();
    Stage model =
        answering().stream()
            .filter(stage -> stage.config() instanceof ExampleStageConfig)
            .findFirst()
            .orElseGet(() -> answering().get(0));
    ConfigDraft<PpoConfig> draft = ConfigLoader.draft(PpoConfig.class, List.of());
    draft.put("name", config.run(EVALUATION));
    draft.put("runs_folder", config.runsFolder());
    draft.put("model", "from", config.runsFolder() + "/" + config.run(model.name()));
    draft.set("data", config.evaluation().data());
    int one = 1;
    draft.set(
        "rollouts",
        new RolloutConfig(
            config.evaluation().batch(),
            one,
            config.evaluation().maxTokens(),
            one,
            config.evaluation().batch()));
    draft.put("training", "global_batch_size", Integer.toString(one));
    draft.put("training", "micro_batch_size", Integer.toString(one));
    int context = model.config().model().contextLength();
    if (config.evaluation().maxTokens() >= context) {
      throw UserException.usage(
          "evaluation.max_tokens must be below the context of the models (%d tokens), so that there is room for a prompt, got %d"
              .formatted(context, config.evaluation().maxTokens()));
    }
    return model.state() == State.FINISHED
        ? StartingModel.resolve(draft, hadoop)
        : StartingModel.expect(draft, model.config().model(), "the stage " + model.name());
  }

  /** The identity of the last checkpoint of each stage that a stage is trained from. */
  public Map<String, String> identities(Stage stage) {
    Map<String, String> identities = new LinkedHashMap<>();
    for (String source : stage.sources()) {
      identities.put(source, stage(source).last().orElseThrow().identity());
    }
    return identities;
  }

  private Stage plan(Pipeline.Stage stage) {
    Optional<Checkpoint> own = last(pipeline.config().run(stage.name()));
    boolean sourcesExist =
        stage.settings().from().isEmpty()
            || stage(stage.settings().from()).state() == State.FINISHED;
    boolean rewardExists =
        stage.settings().reward().isEmpty()
            || stage(stage.settings().reward()).state() == State.FINISHED;
    StageConfig config =
        own.isPresent() || (sourcesExist && rewardExists)
            ? resolve(stage.draft(), hadoop)
            : expect(stage);
    State state =
        own.isEmpty()
            ? State.NEW
            : isFinished(own.get(), config) ? State.FINISHED : State.INTERRUPTED;
    return new Stage(stage, config, state, own, own.map(Checkpoint::step).orElse(0L));
  }

  private Optional<Checkpoint> last(String run) {
    return RunDirectory.at(new Path(pipeline.config().runsFolder(), run), hadoop)
        .checkpoints(notice -> LOG.debug("{}", notice))
        .latest();
  }

  /** The configuration of a draft whose models exist; the draft is not changed. */
  public static StageConfig resolve(ConfigDraft<?> draft, Configuration hadoop) {
    return StartingModel.resolve(typed(draft.copy()), hadoop);
  }

  private StageConfig expect(Pipeline.Stage stage) {
    String from = stage.settings().from();
    return from.isEmpty()
        ? typed(stage.draft()).resolve()
        : StartingModel.expect(
            typed(stage.draft()), stage(from).config().model(), "the stage " + from);
  }

  /** All roots that a pipeline knows are records and configurations of stages. */
  @SuppressWarnings("unchecked")
  private static <C extends Record & StageConfig> ConfigDraft<C> typed(ConfigDraft<?> draft) {
    return (ConfigDraft<C>) draft;
  }

  /**
   * Whether a checkpoint is the last one of a configuration. Where that gives its length in epochs,
   * the number of steps is the checkpoint's.
   *
   * @throws UserException if the checkpoint is of another configuration, which cannot be continued
   *     with this one
   */
  static boolean isFinished(Checkpoint checkpoint, StageConfig config) {
    TrainingState state = TrainingCheckpoint.state(checkpoint);
    int steps = config.training().steps();
    if (steps == 0 && state.stage().equals(config.stage())) {
      steps = TrainingCheckpoint.config(checkpoint, config.getClass()).training().steps();
    }
    StageConfig resolved =
        config.training().steps() == steps
            ? config
            : ConfigLoader.with(config, "training.steps=" + steps);
    ResumeCheck.keys(checkpoint, state, resolved, config.stage());
    return state.step() == steps;
  }

  /** A stage that has begun must not be mixed with others than those that it began with. */
  private void requireSameSources(Stage stage) {
    if (stage.last().isEmpty()) {
      return;
    }
    Optional<PipelineRecord.Stage> begun = record.stage(stage.name());
    for (String source : stage.sources()) {
      Stage now = stage(source);
      boolean same =
          now.state() == State.FINISHED
              && begun
                  .map(known -> known.sources().get(source))
                  .filter(was -> !was.equals(now.last().orElseThrow().identity()))
                  .isEmpty();
      if (!same) {
        throw UserException.usage(
            "it was trained from the finished stage %s, got one that is %s: delete the folder %s/%s to train it again, or give the pipeline another name (name=...)"
                .formatted(
                    source,
                    now.state() == State.FINISHED ? "another now" : now.progress(),
                    pipeline.config().runsFolder(),
                    pipeline.config().run(stage.name())));
      }
    }
  }
}

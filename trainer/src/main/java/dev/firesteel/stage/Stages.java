package dev.firesteel.stage;

import dev.firesteel.config.DpoConfig;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PipelineEvaluation;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.RewardConfig;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Projections;
import dev.firesteel.plan.StageInputs;
import dev.firesteel.run.SavedModel;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.Objective;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingData;
import dev.firesteel.train.TrainingRun;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BiFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** The table of training stages: maps each configuration type to its objective. */
public final class Stages {
  private static final List<Stage<?>> ALL =
      List.of(
          new Stage<>(PretrainConfig.class, Stages::pretrain),
          onExamples(SftConfig.class, FineTuning::info, FineTuning::new),
          onExamples(RewardConfig.class, RewardModeling::info, RewardModeling::new),
          onExamples(DpoConfig.class, PreferenceTuning::info, PreferenceTuning::new),
          onExamples(PpoConfig.class, Reinforcement::info, Reinforcement::new),
          onExamples(GrpoConfig.class, Reinforcement::info, Reinforcement::new));

  /** Opens a stage's data and creates its run. */
  @FunctionalInterface
  private interface Opener<C extends StageConfig> {
    TrainingRun open(C config, Path data, Configuration hadoop, TrainingContext context);
  }

  private record Stage<C extends StageConfig>(Class<C> root, Opener<C> opener) {
    TrainingRun open(StageConfig config, Path data, Configuration hadoop, TrainingContext context) {
      return opener.open(root.cast(config), data, hadoop, context);
    }
  }

  private Stages() {}

  /** The root record of each stage's configuration. */
  public static List<Class<? extends StageConfig>> roots() {
    List<Class<? extends StageConfig>> roots = new ArrayList<>();
    ALL.forEach(stage -> roots.add(stage.root()));
    return List.copyOf(roots);
  }

  /**
   * Finds mistakes in a configuration that its records cannot find: reward functions that do not
   * exist.
   *
   * @throws dev.firesteel.error.UserException naming the function or the key
   */
  public static void check(StageConfig config) {
    if (config instanceof RlConfig rl) {
      RewardSum.check(rl.rewards());
    }
  }

  /**
   * Opens the run that a configuration describes.
   *
   * @param data folder of the prepared data
   * @throws dev.firesteel.error.UserException if the configuration, data and checkpoint are
   *     incompatible
   */
  public static TrainingRun open(
      StageConfig config, Path data, Configuration hadoop, TrainingContext context) {
    return ALL.stream()
        .filter(stage -> stage.root().isInstance(config))
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException("no stage for " + config.getClass().getName()))
        .open(config, data, hadoop, context);
  }

  /** The configuration with the number of steps that {@code training.epochs} takes. */
  public static ExampleStageConfig resolveSteps(ExampleStageConfig config, Configuration hadoop) {
    if (config.training().epochs() == 0) {
      return config;
    }
    Path folder = new Path(config.dataFolder());
    return config instanceof SftConfig sft
        ? resolveSteps(sft, ExampleDataset.open(folder, Part.TRAIN, hadoop))
        : config.withSamples(ExampleManifest.read(folder, hadoop).train().examples());
  }

  /** What a stage reads beside its model, as far as it is there already. */
  public static StageInputs inputs(StageConfig config, Configuration hadoop) {
    if (!(config instanceof ExampleStageConfig)) {
      return StageInputs.NONE;
    }
    Optional<ExampleManifest> data = ExampleManifest.find(new Path(config.dataFolder()), hadoop);
    return new StageInputs(
        data.map(each -> each.train().examples() + each.validation().examples()).orElse(0L),
        data.map(each -> each.train().tokens() + each.validation().tokens()).orElse(0L),
        config instanceof RlConfig rl ? rewardParameters(rl, hadoop) : OptionalLong.empty());
  }

  private static OptionalLong rewardParameters(RlConfig config, Configuration hadoop) {
    if (config.rewards().model().isEmpty()) {
      return OptionalLong.empty();
    }
    Path model = SavedModel.find(new Path(config.rewards().model()), hadoop);
    try {
      ModelConfig saved =
          ModelDirectory.readRewardConfig(HadoopFiles.fileSystem(model, hadoop), model);
      return OptionalLong.of(ScoredModel.reward(saved, Projections.DENSE).parameters().count());
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the reward model " + model, e);
    }
  }

  private static ExampleStageConfig resolveSteps(
      ExampleStageConfig config, ExampleDataset examples) {
    return config.withSamples(
        config instanceof SftConfig sft ? FineTuning.rows(sft, examples) : examples.size());
  }

  private static TrainingRun pretrain(
      PretrainConfig config, Path data, Configuration hadoop, TrainingContext context) {
    return pretrain(config, TrainingData.open(data, hadoop), context);
  }

  /**
   * Finds mistakes in the comparison of a pipeline that its record cannot find: a gold score that
   * does not exist.
   *
   * @throws dev.firesteel.error.UserException naming the function
   */
  public static void check(PipelineEvaluation evaluation) {
    if (evaluation.isWanted()) {
      ScoredAnswer.gold(evaluation);
    }
  }

  /** Makes a stage's objective on opened examples. */
  @FunctionalInterface
  private interface Maker<C> {
    Objective make(C config, ExampleData examples, TrainingContext context);
  }

  private static <C extends ExampleStageConfig> Stage<C> onExamples(
      Class<C> root, BiFunction<C, ExampleData, StageInfo> info, Maker<C> maker) {
    return new Stage<>(
        root,
        (config, data, hadoop, context) -> {
          ExampleData examples = ExampleData.open(data, hadoop);
          C resolved = root.cast(resolveSteps(config, examples.train()));
          return new TrainingRun(
              resolved,
              context,
              info.apply(resolved, examples),
              () -> maker.make(resolved, examples, context));
        });
  }

  /** A pretraining run on data that is already open. */
  public static TrainingRun pretrain(
      PretrainConfig config, TrainingData data, TrainingContext context) {
    PretrainConfig resolved = data.resolveSteps(config);
    return new TrainingRun(
        resolved,
        context,
        Pretraining.info(resolved, data),
        () -> new Pretraining(resolved, data, context));
  }
}

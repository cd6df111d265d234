package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.random.RandomStream;
import dev.firesteel.stage.Pretraining;
import dev.firesteel.tensor.Tensor;
import java.util.List;
import java.util.function.Function;

/** A stage that trains one model, in one update a step, on ids that are drawn for each step. */
final class OneModelStage implements Objective {
  /** A model, with memory, and its loss. */
  interface Trained {
    LanguageModel model();

    /** The loss of a micro-batch, with the context's length of tokens. */
    Tensor loss(ForwardPass pass, Tensor ids, double scale);
  }

  private final PretrainConfig config;
  private final Trained trained;
  private final Learner learner;
  private final ArrayPool pool;

  private OneModelStage(PretrainConfig config, Trained trained, TrainingContext context) {
    this.config = config;
    this.trained = trained;
    pool = new ArrayPool(context.backend());
    learner = new Learner(trained.model(), LearnerSettings.of(config), context, pool);
  }

  /** Trains until {@code steps} are done, or to the end of the run. */
  static TrainingOutcome train(
      PretrainConfig config, Function<Backend, Trained> declaration, long steps) {
    StopSignal stop = new StopSignal();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.StepLogged logged && logged.step() >= steps) {
            stop.request();
          }
        };
    try (Backend backend = new ReferenceBackend()) {
      TrainingContext context =
          new TrainingContext(
              backend,
              new SingleProcess(),
              TinyRun.directory(config),
              listener,
              new RankListener() {},
              stop);
      try (TrainingRun run =
          new TrainingRun(
              config,
              context,
              Pretraining.info(config, TinyRun.data(config)),
              () -> new OneModelStage(config, declaration.apply(backend), context))) {
        return run.run();
      }
    }
  }

  @Override
  public List<StageModel> models() {
    return List.of(StageModel.trained("model", trained.model(), learner));
  }

  @Override
  public void initialize() {
    trained.model().parameters().initialize(config.seed());
  }

  @Override
  public Step step(long step) {
    int sequences = config.training().microBatchSize();
    int length = trained.model().config().contextLength();
    int vocabulary = trained.model().config().vocabularySize();
    return Step.of(
        learner.update(
            step,
            (long) sequences * length * config.training().microBatches(),
            (pass, microBatch, scale) -> {
              RandomStream random = RandomStream.of(config.seed(), "ids", step, microBatch);
              int[] ids = new int[sequences * length];
              for (int i = 0; i < ids.length; i++) {
                ids[i] = random.nextInt(vocabulary);
              }
              return trained.loss(
                  pass, pass.tape().constant(ids, Shape.of(sequences, length)), scale);
            }),
        (long) sequences * length * config.training().microBatches());
  }

  @Override
  public JsonNode cursor(long step) {
    return JsonNodeFactory.instance.objectNode();
  }

  @Override
  public void resume(JsonNode cursor) {}

  @Override
  public void close() {
    learner.close();
    trained.model().close();
    pool.close();
  }
}

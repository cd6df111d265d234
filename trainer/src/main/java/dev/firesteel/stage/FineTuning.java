package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.config.SftConfig;
import dev.firesteel.data.ExampleBatch;
import dev.firesteel.data.ExampleBatches;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.plan.ThroughputProbe;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.Evaluation;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.Learner;
import dev.firesteel.train.LearnerSettings;
import dev.firesteel.train.Objective;
import dev.firesteel.train.StageData;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.StageModel;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.Update;
import java.util.List;
import java.util.Optional;

/**
 * Supervised fine-tuning: mean cross-entropy of the trained tokens of a step's examples, given all
 * tokens before them.
 */
final class FineTuning implements Objective {
  private final SftConfig config;
  private final ExampleData data;
  private final TrainingContext context;
  private final ExampleBatches batches;
  private final Optional<ExampleBatches> validation;
  private final ArrayPool pool;
  private final LanguageModel model;
  private final Learner learner;
  private final PromptSample sample;

  /** What fine-tuning is, on opened examples. */
  static StageInfo info(SftConfig config, ExampleData data) {
    ExampleBatches batches = batches(config, data.train());
    long tokens = batches.tokens(0, batches.rows());
    return new StageInfo(
        config.stage(),
        new StageData(
            data.tokenizer(),
            data.template(),
            data.sha256(),
            Math.round((double) tokens * config.training().globalBatchSize() / batches.rows()),
            tokens,
            data.validation().manifest().validation().trained()),
        List.of(
            Metrics.LOSS, Metrics.LEARNING_RATE, Metrics.GRADIENT_NORM, Metrics.VALIDATION_LOSS),
        Headline.less(Metrics.VALIDATION_LOSS));
  }

  /** Rows of a batch in one pass over the examples. */
  static long rows(SftConfig config, ExampleDataset examples) {
    return batches(config, examples).rows();
  }

  private static ExampleBatches batches(SftConfig config, ExampleDataset examples) {
    return new ExampleBatches(
        documents(examples),
        config.batching().packing(),
        config.training().sequenceLength(),
        config.seed());
  }

  private static List<TrainedTokens> documents(ExampleDataset examples) {
    return examples.examples().stream().map(Example::documents).map(one -> one.get(0)).toList();
  }

  /**
   * Declares and allocates the model.
   *
   * @throws UserException if the configuration and the examples are incompatible
   */
  FineTuning(SftConfig config, ExampleData data, TrainingContext context) {
    this.config = config;
    this.data = data;
    this.context = context;
    batches = batches(config, data.train());
    validation =
        data.validation().size() == 0
            ? Optional.empty()
            : Optional.of(batches(config, data.validation()));
    model = PolicyModel.create(config.model(), config.lora(), data.tokenizer(), context);
    pool = new ArrayPool(context.backend());
    learner = new Learner(model, LearnerSettings.of(config), context, pool);
    sample = new PromptSample(config.sample(), config.seed(), data, model, pool);
  }

  @Override
  public List<StageModel> models() {
    return List.of(StageModel.trained("model", model, learner));
  }

  @Override
  public void initialize() {
    PolicyModel.initialize(model, config.model(), config.seed(), data.tokenizer(), context);
  }

  @Override
  public double expectedStepMillis() {
    return ThroughputProbe.expectedStepMillis(
        context.backend(),
        config,
        model.config().vocabularySize(),
        context.collective().worldSize());
  }

  @Override
  public Step step(long step) {
    int rows = config.training().globalBatchSize();
    long first = step * rows;
    Update update =
        learner.update(
            step,
            batches.targets(first, rows),
            (pass, microBatch, scale) -> {
              int size = config.training().microBatchSize();
              ExampleBatch batch = batches.read(first + (long) microBatch * size, size);
              return loss(pass.withEmbeddingNoise(config.batching().neftuneAlpha()), batch, scale);
            });
    return Step.of(update, batches.tokens(first, rows));
  }

  private Tensor loss(ForwardPass pass, ExampleBatch batch, double scale) {
    Shape shape = Shape.of(batch.layout().batch(), batch.layout().tokens());
    return model.loss(
        pass,
        pass.tape().constant(batch.inputs(), shape),
        batch.layout(),
        pass.tape().constant(batch.targets(), shape),
        scale);
  }

  @Override
  public Optional<Measures> evaluate() {
    return validation.map(
        examples -> {
          List<ExampleBatch> rows =
              examples.inOrder(config.training().microBatchSize(), config.evaluation().batches());
          double sum =
              Evaluation.sum(
                  rows.size(), context.collective(), rows.iterator()::next, this::evaluate);
          long targets = rows.stream().mapToLong(ExampleBatch::targetCount).sum();
          return Measures.of(Metrics.VALIDATION_LOSS, sum / targets);
        });
  }

  private double evaluate(ExampleBatch rows) {
    try (Tape tape = Tape.inference(context.backend(), pool)) {
      return loss(ForwardPass.inference(tape, model.parameters()), rows, 1).item();
    }
  }

  @Override
  public Optional<String> sample(long step) {
    return sample.at(step);
  }

  /** The index of the next step's first row. */
  @Override
  public JsonNode cursor(long step) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("next_row", step * config.training().globalBatchSize());
  }

  /** Nothing to restore: the next row is a function of the step. */
  @Override
  public void resume(JsonNode cursor) {}

  @Override
  @SuppressWarnings("try") // Closed in reverse order.
  public void close() {
    try (pool;
        model;
        learner) {
      // No other resources are held.
    }
  }
}

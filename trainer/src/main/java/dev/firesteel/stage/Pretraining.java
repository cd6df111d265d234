package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.Batch;
import dev.firesteel.data.SampleOrder;
import dev.firesteel.data.TrainingBatches;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.plan.ThroughputProbe;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.Evaluation;
import dev.firesteel.train.EvaluationResult;
import dev.firesteel.train.Learner;
import dev.firesteel.train.LearnerSettings;
import dev.firesteel.train.Objective;
import dev.firesteel.train.StageData;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.StageModel;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingData;
import java.util.List;
import java.util.Optional;

/** Next-token pretraining: mean cross-entropy of each token given the tokens before it. */
public final class Pretraining implements Objective {
  private final PretrainConfig config;
  private final TrainingData data;
  private final TrainingContext context;
  private final TrainingBatches batches;
  private final Batch batch;
  private final Optional<Evaluation> evaluation; // empty if there is no validation text
  private final ArrayPool pool;
  private final LanguageModel model;
  private final Learner learner;
  private final Generator generator;

  /** What pretraining is, on opened data. */
  public static StageInfo info(PretrainConfig config, TrainingData data) {
    return new StageInfo(
        config.stage(),
        new StageData(
            data.tokenizer(),
            data.sha256(),
            config.training().tokensPerStep(),
            data.train().tokens(),
            data.validation().map(text -> Evaluation.of(config, text).targets()).orElse(0L)),
        List.of(
            Metrics.LOSS,
            Metrics.LEARNING_RATE,
            Metrics.GRADIENT_NORM,
            Metrics.VALIDATION_LOSS,
            Metrics.BITS_PER_BYTE),
        Headline.less(Metrics.VALIDATION_LOSS));
  }

  /**
   * Declares and allocates the model.
   *
   * @throws UserException if the configuration and the data are incompatible
   */
  public Pretraining(PretrainConfig config, TrainingData data, TrainingContext context) {
    this.config = config;
    this.data = data;
    this.context = context;
    int sequences = config.training().microBatchSize();
    int length = config.training().sequenceLength();
    batches =
        new TrainingBatches(
            data.train(),
            SampleOrder.of(config.data().sampling(), config.seed(), data.train().tokens(), length));
    batch = new Batch(sequences, length);
    evaluation = data.validation().map(text -> Evaluation.of(config, text));
    model = Models.declare(config.model().forTokenizer(data.tokenizer().vocabularySize()));
    pool = new ArrayPool(context.backend());
    model.parameters().allocate(context.backend(), DType.F32);
    learner = new Learner(model, LearnerSettings.of(config), context, pool);
    generator = new Generator(model, data.tokenizer(), pool);
  }

  @Override
  public List<StageModel> models() {
    return List.of(StageModel.trained("model", model, learner));
  }

  /** Initializes random weights, or loads those of the model that the run starts from. */
  @Override
  public void initialize() {
    String from = config.model().from();
    if (from.isEmpty()) {
      model.parameters().initialize(config.seed());
    } else {
      StartingModel.load(
          from, model, data.tokenizer(), context.collective(), context.run().configuration());
    }
  }

  @Override
  public double expectedStepMillis() {
    return ThroughputProbe.expectedStepMillis(
        context.backend(),
        config,
        model.config().vocabularySize(),
        context.collective().worldSize());
  }

  /** Rejects a prompt that does not fit before the first step rather than after the last. */
  @Override
  public void check() {
    if (config.sample().maxTokens() > 0) {
      GenerationOptions oneToken = GenerationOptions.builder().maxTokens(1).build();
      generator.generate(config.sample().prompt(), oneToken);
    }
  }

  @Override
  public Step step(long step) {
    long firstSample = nextSample(step);
    int samples = config.training().globalBatchSize();
    return Step.of(
        learner.update(
            step,
            batches.targets(firstSample, samples, batch.length()),
            (pass, microBatch, scale) -> loss(firstSample, pass, microBatch, scale)),
        config.training().tokensPerStep());
  }

  private Tensor loss(long firstSample, ForwardPass pass, int microBatch, double scale) {
    batches.read(firstSample + (long) microBatch * batch.sequences(), batch);
    Shape shape = Shape.of(batch.sequences(), batch.length());
    return model.loss(
        pass,
        pass.tape().constant(batch.inputs(), shape),
        pass.tape().constant(batch.targets(), shape),
        scale);
  }

  @Override
  public Optional<Measures> evaluate() {
    return evaluation
        .map(texts -> texts.run(model, pool, context.collective()))
        .map(EvaluationResult::measures);
  }

  @Override
  public Optional<String> sample(long step) {
    if (config.sample().maxTokens() == 0) {
      return Optional.empty();
    }
    String prompt = config.sample().prompt();
    long seed = RandomStream.key(config.seed(), "sample", step);
    GenerationOptions options = GenerationOptions.of(config.sample(), seed);
    return Optional.of(prompt + generator.generate(prompt, options).text());
  }

  /** The index of the next step's first sample. */
  @Override
  public JsonNode cursor(long step) {
    return JsonNodeFactory.instance.objectNode().put("next_sample", nextSample(step));
  }

  /** Nothing to restore: the next sample is a function of the step. */
  @Override
  public void resume(JsonNode cursor) {}

  private long nextSample(long step) {
    return step * config.training().globalBatchSize();
  }

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

package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.TreeSum;
import dev.firesteel.config.DpoConfig;
import dev.firesteel.config.PreferenceConfig;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleOrder;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.loss.LossMetrics;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.Learner;
import dev.firesteel.train.LearnerSettings;
import dev.firesteel.train.MeasureSum;
import dev.firesteel.train.Objective;
import dev.firesteel.train.StageData;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.StageModel;
import dev.firesteel.train.TapeLoss;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.Update;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Preference optimization without a reward model: DPO, IPO and hinge on pairs of answers, KTO on
 * answers that are labelled good or bad. The reference is the model that the run starts from; its
 * log-probabilities are computed once.
 */
final class PreferenceTuning implements Objective {
  static final Metric VALIDATION_ACCURACY =
      Metric.of("val_rewards_accuracies", "validation accuracy", Unit.SHARE).in("Accuracy");
  private static final String REFERENCE = "reference_sha256";

  private final DpoConfig config;
  private final ExampleData data;
  private final TrainingContext context;
  private final ExampleOrder order;
  private final ArrayPool pool;
  private final LanguageModel model;
  private final Learner learner;
  private final PromptSample sample;
  private final AnswerLoss loss;
  private ReferenceLogProbs reference;

  /** What the stage is, on opened examples. */
  static StageInfo info(DpoConfig config, ExampleData data) {
    List<Metric> metrics = new ArrayList<>();
    metrics.addAll(List.of(Metrics.LOSS, Metrics.LEARNING_RATE, Metrics.GRADIENT_NORM));
    metrics.addAll(AnswerLoss.metrics(config.preference()));
    metrics.add(LossMetrics.VALIDATION_LOSS);
    boolean pairs = config.preference().loss() != PreferenceConfig.Loss.KTO;
    if (pairs) {
      metrics.add(VALIDATION_ACCURACY);
    }
    return new StageInfo(
        config.stage(),
        StageData.ofExamples(data, config.training().globalBatchSize()),
        metrics,
        pairs ? Headline.more(VALIDATION_ACCURACY) : Headline.less(LossMetrics.VALIDATION_LOSS));
  }

  PreferenceTuning(DpoConfig config, ExampleData data, TrainingContext context) {
    this.config = config;
    this.data = data;
    this.context = context;
    loss = AnswerLoss.of(config.preference());
    requireSuitable(data.train());
    requireSuitable(data.validation());
    order = new ExampleOrder(data.train(), config.seed());
    model = PolicyModel.create(config.model(), config.lora(), data.tokenizer(), context);
    pool = new ArrayPool(context.backend());
    learner = new Learner(model, LearnerSettings.of(config), context, pool);
    sample = new PromptSample(config.sample(), config.seed(), data, model, pool);
  }

  private void requireSuitable(ExampleDataset examples) {
    for (Example example : examples.examples()) {
      if (example.documents().size() != loss.documents()) {
        throw UserException.usage(
            "the loss %s takes examples of %d answers, got one of %d: rankings are for the command reward"
                .formatted(
                    config.preference().loss().name().toLowerCase(Locale.ROOT),
                    loss.documents(),
                    example.documents().size()));
      }
    }
  }

  @Override
  public List<StageModel> models() {
    return List.of(StageModel.trained("model", model, learner));
  }

  /** Loads the model, and computes the reference's log-probabilities: so far it is the model. */
  @Override
  public void initialize() {
    PolicyModel.initialize(model, config.model(), config.seed(), data.tokenizer(), context);
    reference = computeReference(model);
  }

  private ReferenceLogProbs computeReference(LanguageModel of) {
    List<TrainedTokens> documents = new ArrayList<>();
    documents.addAll(loss.allDocuments(data.train().examples(), of.config().contextLength()));
    documents.addAll(loss.allDocuments(data.validation().examples(), of.config().contextLength()));
    return ReferenceLogProbs.compute(
        of, documents, pool, loss.documents() * config.training().microBatchSize(), context);
  }

  @Override
  public Step step(long step) {
    int batch = config.training().globalBatchSize();
    long first = step * batch;
    AnswerLoss.Batch whole = loss.batch(order.read(first, batch), indices(first, batch), 0);
    double referencePoint = referencePoint(first);
    MeasureSum measures = new MeasureSum(config.training().microBatches());
    Update update =
        learner.update(
            step,
            (passes, microBatch) ->
                loss(passes.get(0), first, microBatch, whole, referencePoint, measures));
    return new Step(
        update.measures().with(measures.total(context.collective())),
        update.skipped(),
        ExampleOrder.tokens(order.read(first, batch)));
  }

  private int[] indices(long first, int count) {
    int[] indices = new int[count];
    for (int i = 0; i < count; i++) {
      indices[i] = order.index(first + i);
    }
    return indices;
  }

  private AnswerLoss.Batch microBatch(long first, int microBatch) {
    int size = config.training().microBatchSize();
    long begin = first + (long) microBatch * size;
    return loss.batch(order.read(begin, size), indices(begin, size), 0);
  }

  private TapeLoss loss(
      ForwardPass pass,
      long first,
      int microBatch,
      AnswerLoss.Batch whole,
      double referencePoint,
      MeasureSum measures) {
    AnswerLoss.Batch part = microBatch(first, microBatch);
    DocumentRows rows = DocumentRows.of(part.documents());
    LogProbs.Recorded now =
        LogProbs.of(model, 1).record(pass, rows.ids(), rows.targets(), rows.layout());
    TokenGroups groups = TokenGroups.rows(rows.targets(), rows.layout().tokens());
    AnswerLoss.Result result =
        loss.of(part, whole, groups, now.values().logProbs(), this::reference, referencePoint);
    measures.add(result.measures());
    return TapeLoss.of(result.loss(), complete -> now.backward(result.gradient(), null, complete));
  }

  /** The log-probability that the reference gave to a document. */
  private double reference(int document) {
    return reference.sum(document);
  }

  /** KTO's reference point of a step's global batch: see {@link AnswerLoss#mismatched}. */
  private double referencePoint(long first) {
    if (!loss.hasReferencePoint()) {
      return 0;
    }
    Collective collective = context.collective();
    int microBatches = config.training().microBatches();
    int share = microBatches / collective.worldSize();
    TreeSum<Double> sum = new TreeSum<>(Double::sum, microBatches);
    for (int i = 0; i < share; i++) {
      AnswerLoss.Batch part = microBatch(first, collective.rank() * share + i);
      List<TrainedTokens> documents =
          loss.mismatched(part, data.train().examples(), model.config().contextLength());
      double[] now = ReferenceLogProbs.sums(model, documents, pool);
      double ratios = 0;
      for (int j = 0; j < now.length; j++) {
        ratios += now[j] - reference(loss.mismatchedPlace(part, j, data.train().size()));
      }
      sum.add(ratios);
    }
    double[] total = {sum.total()};
    collective.allReduce(total);
    return Math.max(0, total[0] / config.training().globalBatchSize());
  }

  @Override
  public Optional<Measures> evaluate() {
    ExampleDataset held = data.validation();
    if (held.size() == 0) {
      return Optional.empty();
    }
    int offset = loss.allDocumentCount(data.train().size());
    List<Example> examples = held.examples();
    int[] indices = new int[examples.size()];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = i;
    }
    AnswerLoss.Batch whole = loss.batch(examples, indices, offset);
    int size = config.training().microBatchSize();
    int parts = (examples.size() + size - 1) / size;
    double[] numbers = new double[2 * parts]; // losses, then shares of the accuracy
    for (int part = 0; part < parts; part++) {
      if (part % context.collective().worldSize() != context.collective().rank()) {
        continue;
      }
      int begin = part * size;
      int end = Math.min(examples.size(), begin + size);
      int[] some = Arrays.copyOfRange(indices, begin, end);
      AnswerLoss.Batch batch = loss.batch(examples.subList(begin, end), some, offset);
      DocumentRows rows = DocumentRows.of(batch.documents());
      double[] now =
          LogProbs.of(model, 1)
              .compute(pool, rows.ids(), rows.targets(), rows.layout(), rows.count())
              .logProbs();
      TokenGroups groups = TokenGroups.rows(rows.targets(), rows.layout().tokens());
      AnswerLoss.Result result = loss.of(batch, whole, groups, now, this::reference, 0);
      numbers[part] = result.loss();
      numbers[parts + part] =
          result.measures().measures().get(LossMetrics.REWARDS_ACCURACIES).orElse(0);
    }
    context.collective().allReduce(numbers);
    Measures measured = Measures.of(LossMetrics.VALIDATION_LOSS, sum(numbers, 0, parts));
    return Optional.of(
        loss.documents() == 2
            ? measured.with(VALIDATION_ACCURACY, sum(numbers, parts, 2 * parts))
            : measured);
  }

  /** In order, so that the bits do not depend on which rank computed what. */
  private static double sum(double[] numbers, int begin, int end) {
    double sum = 0;
    for (int i = begin; i < end; i++) {
      sum += numbers[i];
    }
    return sum;
  }

  @Override
  public Optional<String> sample(long step) {
    return sample.at(step);
  }

  @Override
  public JsonNode cursor(long step) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("next_example", step * config.training().globalBatchSize())
        .put(REFERENCE, reference.sha256());
  }

  /** Reads the reference's log-probabilities, or computes them again from the starting model. */
  @Override
  public void resume(JsonNode cursor) {
    String sha256 = cursor.path(REFERENCE).asText();
    Optional<ReferenceLogProbs> kept = ReferenceLogProbs.read(context.run(), sha256);
    byte[][] all = context.collective().allGather(new byte[] {(byte) (kept.isPresent() ? 1 : 0)});
    for (byte[] rank : all) {
      if (rank[0] == 0) {
        kept = Optional.empty();
      }
    }
    reference = kept.orElseGet(() -> recompute(sha256));
  }

  private ReferenceLogProbs recompute(String sha256) {
    try (LanguageModel start =
        PolicyModel.create(config.model(), config.lora(), data.tokenizer(), context)) {
      PolicyModel.initialize(start, config.model(), config.seed(), data.tokenizer(), context);
      ReferenceLogProbs again = computeReference(start);
      again.require(sha256);
      return again;
    }
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

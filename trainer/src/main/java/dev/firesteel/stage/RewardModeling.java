package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.config.RewardConfig;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleOrder;
import dev.firesteel.example.Example;
import dev.firesteel.loss.AnswerPairs;
import dev.firesteel.loss.HostLoss;
import dev.firesteel.loss.LossMetrics;
import dev.firesteel.loss.RewardModelLoss;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.Projections;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.Learner;
import dev.firesteel.train.LearnerSettings;
import dev.firesteel.train.MeasureSum;
import dev.firesteel.train.Objective;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.StageData;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.StageModel;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.TapeLoss;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.Update;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A reward model: a score at the last token of an answer, trained so that the better of two answers
 * to a prompt has the greater score.
 */
final class RewardModeling implements Objective {
  private static final String ACCURACY_CHART = "Accuracy";

  static final Metric VALIDATION_ACCURACY =
      Metric.of("val_accuracy", "validation accuracy", Unit.SHARE).in(ACCURACY_CHART);
  static final Metric ACCURACY_LOW =
      Metric.of("val_accuracy_low", "95 % interval, low", Unit.SHARE)
          .in(ACCURACY_CHART)
          .offProgressLine();
  static final Metric ACCURACY_HIGH =
      Metric.of("val_accuracy_high", "95 % interval, high", Unit.SHARE)
          .in(ACCURACY_CHART)
          .offProgressLine();

  private final RewardConfig config;
  private final ExampleData data;
  private final TrainingContext context;
  private final ExampleOrder order;
  private final RewardModelLoss loss;
  private final ArrayPool pool;
  private final ScoredModel model;
  private final Learner learner;

  /** What the stage is, on opened examples. */
  static StageInfo info(RewardConfig config, ExampleData data) {
    return new StageInfo(
        config.stage(),
        StageData.ofExamples(data, config.training().globalBatchSize()),
        List.of(
            Metrics.LOSS,
            Metrics.LEARNING_RATE,
            Metrics.GRADIENT_NORM,
            LossMetrics.ACCURACY,
            LossMetrics.MARGIN,
            LossMetrics.MEAN_REWARD,
            LossMetrics.MIN_REWARD,
            LossMetrics.MAX_REWARD,
            LossMetrics.VALIDATION_LOSS,
            VALIDATION_ACCURACY,
            ACCURACY_LOW,
            ACCURACY_HIGH,
            Calibration.ERROR),
        Headline.more(VALIDATION_ACCURACY));
  }

  RewardModeling(RewardConfig config, ExampleData data, TrainingContext context) {
    this.config = config;
    this.data = data;
    this.context = context;
    order = new ExampleOrder(data.train(), config.seed());
    loss = new RewardModelLoss(config.reward().centering());
    Optional<Lora> adapters = config.lora().adapters();
    model =
        ScoredModel.reward(
            config.model().forTokenizer(data.tokenizer().vocabularySize()),
            adapters.<Projections>map(one -> one).orElse(Projections.DENSE));
    model.parameters().allocate(context.backend(), DType.F32);
    pool = new ArrayPool(context.backend());
    learner = new Learner(model.backbone(), LearnerSettings.of(config), context, pool);
  }

  @Override
  public List<StageModel> models() {
    return List.of(StageModel.trained("model", model.backbone(), learner));
  }

  @Override
  public void initialize() {
    model.parameters().initialize(config.seed());
    StartingModel.load(
        config.model().from(),
        model.backbone(),
        data.tokenizer(),
        context.collective(),
        context.run().configuration());
    if (config.reward().normalize() && data.validation().size() == 0) {
      context
          .listener()
          .notice(
              "reward.normalize needs held-out answers, and there are none: scores stay as they are; set data.validation_fraction above 0, or reward.normalize=false");
    }
  }

  @Override
  public Step step(long step) {
    int batch = config.training().globalBatchSize();
    int size = config.training().microBatchSize();
    long first = step * batch;
    MeasureSum measures = new MeasureSum(config.training().microBatches());
    Update update =
        learner.update(
            step,
            (passes, microBatch) -> {
              List<Example> examples = order.read(first + (long) microBatch * size, size);
              return loss(passes.get(0), examples, batch, measures);
            });
    return new Step(
        update.measures().with(measures.total(context.collective())),
        update.skipped(),
        ExampleOrder.tokens(order.read(first, batch)));
  }

  private TapeLoss loss(
      ForwardPass pass, List<Example> examples, double denominator, MeasureSum measures) {
    DocumentRows rows = DocumentRows.of(ExampleOrder.documents(examples));
    Shape shape = Shape.of(rows.count(), rows.layout().tokens());
    Tensor scores =
        model.scores(pass, pass.tape().constant(rows.ids(), shape), rows.layout(), rows.last());
    double[] rewards = new double[rows.count()];
    context.backend().download(scores.array(), rewards, 0);
    HostLoss host = loss.of(rewards, pairs(examples), denominator);
    measures.add(host.measures());
    return TapeLoss.of(host.loss(), scores, host.gradient());
  }

  /** The pairs of each example's answers, of weight 1 for each example. */
  static AnswerPairs pairs(List<Example> examples) {
    AnswerPairs.Builder pairs = AnswerPairs.builder();
    int at = 0;
    for (Example example : examples) {
      int answers = example.documents().size();
      double margin = example.fields().path("margin").asDouble(0);
      if (answers == 2) {
        pairs.add(at, at + 1, 1, margin);
      } else {
        int[] ranking = new int[answers];
        for (int i = 0; i < answers; i++) {
          ranking[i] = at + i;
        }
        pairs.addRanking(1, ranking);
      }
      at += answers;
    }
    return pairs.build();
  }

  /** Scores held-out answers, and normalizes the model's scores by theirs. */
  @Override
  public Optional<Measures> evaluate() {
    ExampleDataset held = data.validation();
    if (held.size() == 0) {
      return Optional.empty();
    }
    List<Example> examples = held.examples();
    double[] scores = heldOutScores(examples);
    if (config.reward().normalize()) {
      normalize(scores);
    }
    AnswerPairs pairs = pairs(examples);
    HostLoss whole = loss.of(scores, pairs, examples.size());
    Calibration calibration = Calibration.of(scores, examples);
    double accuracy = calibration.rightShare();
    double[] interval = Calibration.wilson(accuracy, calibration.pairCount());
    if (context.collective().rank() == 0) {
      context.run().replace(RunReport.CALIBRATION, calibration.json());
    }
    return Optional.of(
        Measures.of(LossMetrics.VALIDATION_LOSS, whole.loss())
            .with(VALIDATION_ACCURACY, accuracy)
            .with(ACCURACY_LOW, interval[0])
            .with(ACCURACY_HIGH, interval[1])
            .with(Calibration.ERROR, calibration.error()));
  }

  /** Raw scores of all answers; each rank computes its share of the examples. */
  private double[] heldOutScores(List<Example> examples) {
    List<int[]> mine = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    int at = 0;
    for (int i = 0; i < examples.size(); i++) {
      boolean own = i % context.collective().worldSize() == context.collective().rank();
      for (int answer = 0; answer < examples.get(i).documents().size(); answer++) {
        if (own) {
          mine.add(examples.get(i).documents().get(answer).tokens());
          places.add(at);
        }
        at++;
      }
    }
    double[] scores = new double[at];
    double[] own =
        mine.isEmpty()
            ? new double[0]
            : model.rawScores(pool, mine, 2 * config.training().microBatchSize());
    for (int i = 0; i < own.length; i++) {
      scores[places.get(i)] = own[i];
    }
    context.collective().allReduce(scores);
    return scores;
  }

  private void normalize(double[] scores) {
    double mean = 0;
    for (double score : scores) {
      mean += score / scores.length;
    }
    double variance = 0;
    for (double score : scores) {
      variance += (score - mean) * (score - mean) / scores.length;
    }
    if (variance > 0) {
      model.normalize(mean, Math.sqrt(variance));
    }
  }

  /** The index of the next step's first example. */
  @Override
  public JsonNode cursor(long step) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("next_example", step * config.training().globalBatchSize());
  }

  /** Nothing to restore: the next example is a function of the step. */
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

package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.config.StageConfig;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.train.Learner;
import dev.firesteel.train.LearnerSettings;
import dev.firesteel.train.Objective;
import dev.firesteel.train.StageData;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.StageModel;
import dev.firesteel.train.TrainingContext;
import java.util.List;
import java.util.Optional;

/** A stage of its own: every second token of a counted sequence is predicted. */
public final class ToyObjective implements Objective {
  private static final Metric SKILL = Metric.of("skill", "skill of the toy", Unit.NONE);
  private final StageConfig config;
  private final LanguageModel model;
  private final ArrayPool pool;
  private final Learner learner;
  private int skill;

  public ToyObjective(StageConfig config, LanguageModel model, TrainingContext in) {
    this.config = config;
    this.model = model;
    model.parameters().allocate(in.backend(), DType.F32);
    pool = new ArrayPool(in.backend());
    learner = new Learner(model, LearnerSettings.of(config), in, pool);
  }

  public static StageInfo info() {
    var data = new StageData(CharTokenizer.train(List.of("toy").iterator()), "00", 64, 0, 0);
    return new StageInfo("toy", data, List.of(SKILL), Headline.more(SKILL));
  }

  @Override
  public List<StageModel> models() {
    return List.of(StageModel.trained("toy", model, learner));
  }

  @Override
  public void initialize() {
    model.parameters().initialize(config.seed());
  }

  @Override
  public Step step(long step) {
    return Step.of(
        learner.update(step, 32, (pass, micro, scale) -> loss(step, pass, micro, scale)), 32);
  }

  @Override
  public Optional<Measures> evaluate() {
    return Optional.of(Measures.of(SKILL, ++skill));
  }

  @Override
  public JsonNode cursor(long step) {
    return IntNode.valueOf(skill);
  }

  @Override
  public void resume(JsonNode cursor) {
    skill = cursor.asInt();
  }

  @Override
  public void close() {
    learner.close();
    model.close();
    pool.close();
  }

  private Tensor loss(long step, ForwardPass pass, int microBatch, double scale) {
    int[] inputs = new int[config.training().microBatchSize() * 8];
    int[] targets = inputs.clone();
    for (int i = 0; i < inputs.length; i++) {
      int count = (int) step * 64 + microBatch * inputs.length + i;
      inputs[i] = count % 7 % 5;
      targets[i] = i % 2 == 0 ? (count + 1) % 7 % 5 : -1; // -1: masked
    }
    Shape shape = Shape.of(inputs.length / 8, 8);
    return model.loss(
        pass, pass.tape().constant(inputs, shape), pass.tape().constant(targets, shape), scale);
  }
}

package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.metrics.Measures;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.ScalarHead;
import dev.firesteel.stage.Pretraining;
import dev.firesteel.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stage of three models: two that learn, one that does not. */
class ManyModelsTest {
  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @Test
  void allOfThemAreSavedAndResumedToTheBit() throws IOException {
    PretrainConfig whole = TinyRun.config(folder, "name=whole");
    assertThat(train(whole, Long.MAX_VALUE)).isEqualTo(TrainingOutcome.COMPLETED);
    PretrainConfig halves = TinyRun.config(folder, "name=halves");
    assertThat(train(halves, 6)).isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(train(halves, Long.MAX_VALUE)).isEqualTo(TrainingOutcome.COMPLETED);

    for (String file :
        List.of(
            "model.safetensors",
            "trainer/optimizer-00001-of-00001.safetensors",
            "trainer/layout.json",
            "models/value/config.json",
            "models/value/model.safetensors",
            "models/value/firesteel/parameters.safetensors",
            "trainer/value/optimizer-00001-of-00001.safetensors",
            "trainer/value/layout.json",
            "models/reference/model.safetensors")) {
      assertThat(TinyRun.file(halves, 12, file)).as(file).isEqualTo(TinyRun.file(whole, 12, file));
    }
    for (String file : List.of("model.safetensors", "firesteel/parameters.safetensors")) {
      assertThat(TinyRun.file(whole, 12, "models/value/" + file))
          .isNotEqualTo(TinyRun.file(whole, 5, "models/value/" + file));
    }
    assertThat(TinyRun.file(whole, 12, "models/reference/model.safetensors"))
        .isEqualTo(TinyRun.file(whole, 5, "models/reference/model.safetensors"));
    assertThat(
            TinyRun.checkpoint(whole, 12)
                .resolve("trainer/reference/optimizer-00001-of-00001.safetensors"))
        .doesNotExist();
    assertThat(Files.readString(TinyRun.checkpoint(whole, 12).resolve("trainer/state.json")))
        .contains("\"model\" : 12", "\"value\" : 24");
  }

  private static TrainingOutcome train(PretrainConfig config, long steps) {
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
              () -> new ThreeModels(config, context))) {
        return run.run();
      }
    }
  }

  /** Pretraining, a model that learns twice a step beside it, and one that stays as it was. */
  private static final class ThreeModels implements Objective {
    private final Pretraining pretraining;
    private final LanguageModel value;
    private final ScalarHead head;
    private final LanguageModel reference;
    private final Learner learner;
    private final int sequences;

    ThreeModels(PretrainConfig config, TrainingContext context) {
      pretraining = new Pretraining(config, TinyRun.data(config), context);
      sequences = config.training().microBatchSize();
      ParameterSet.Builder parameters = ParameterSet.builder();
      value = Models.declare(TestModels.llama(1, 8, 2, 1, 12, 8, 5), parameters);
      head = new ScalarHead(parameters, "value_head", 8, ScalarHead.initial(8));
      parameters.build();
      value.parameters().allocate(context.backend(), DType.F32);
      reference = Models.declare(TestModels.gpt2(1, 8, 2, 8, 5));
      reference.parameters().allocate(context.backend(), DType.F32);
      learner =
          new Learner(value, LearnerSettings.of(config), context, new ArrayPool(context.backend()));
    }

    @Override
    public List<StageModel> models() {
      return List.of(
          pretraining.models().get(0),
          StageModel.trained("value", value, learner),
          StageModel.frozen("reference", reference));
    }

    @Override
    public void initialize() {
      pretraining.initialize();
      value.parameters().initialize(11);
      reference.parameters().initialize(12);
    }

    @Override
    public Step step(long step) {
      for (int update = 0; update < 2; update++) {
        int shift = update;
        int[] ids = new int[sequences * 8];
        for (int i = 0; i < ids.length; i++) {
          ids[i] = (int) (step + shift + i) % 5;
        }
        Shape shape = Shape.of(sequences, 8);
        learner.update(
            step,
            ids.length,
            (pass, microBatch, scale) -> {
              Tensor values =
                  head.apply(pass, value.hidden(pass, pass.tape().constant(ids, shape)));
              return values.multiply(values).sum().scale(scale);
            });
      }
      return pretraining.step(step);
    }

    @Override
    public Optional<Measures> evaluate() {
      return pretraining.evaluate();
    }

    @Override
    public JsonNode cursor(long step) {
      return pretraining.cursor(step);
    }

    @Override
    public void resume(JsonNode cursor) {
      pretraining.resume(cursor);
    }

    @Override
    public void close() {
      learner.close();
      value.close();
      reference.close();
      pretraining.close();
    }
  }
}

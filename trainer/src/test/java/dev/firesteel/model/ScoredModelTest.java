package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Projections;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class ScoredModelTest {
  private static final int V = 21;
  private static final int T = 24;

  static Stream<ModelConfig> configs() {
    return Stream.of(
        TestModels.gpt2(2, 16, 2, T, V),
        TestModels.llama(2, 16, 4, 2, 24, T, V),
        TestModels.llama(1, 16, 2, 1, 24, T, V).toBuilder()
            .architecture(ModelConfig.Architecture.QWEN2)
            .attentionBias(null)
            .build());
  }

  private static ScoredModel reward(ModelConfig config, Backend backend) {
    ScoredModel model = ScoredModel.reward(TestModels.withInitStd(config, 0.3), Projections.DENSE);
    model.parameters().allocate(backend, DType.F32);
    model.parameters().initialize(3);
    return model;
  }

  private static List<int[]> documents() {
    RandomStream random = RandomStream.of(2, "documents");
    List<int[]> documents = new ArrayList<>();
    for (int length : new int[] {7, 1, 24, 16, 17, 3, 12}) {
      int[] document = new int[length];
      for (int i = 0; i < length; i++) {
        document[i] = random.nextInt(V);
      }
      documents.add(document);
    }
    return documents;
  }

  @ParameterizedTest
  @MethodSource("configs")
  void scoresDoNotDependOnTheOtherDocuments(ModelConfig config) {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ScoredModel model = reward(config, backend)) {
      requireIndependent(model, pool);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Precision.class,
      names = {"FP32"})
  void neitherOnTheCpuBackend(Precision precision) {
    try (Backend backend = Backends.create(new BackendOptions(BackendKind.CPU, precision, 2));
        ArrayPool pool = new ArrayPool(backend);
        ScoredModel model = reward(TestModels.llama(2, 16, 4, 2, 24, T, V), backend)) {
      requireIndependent(model, pool);
    }
  }

  private static void requireIndependent(ScoredModel model, ArrayPool pool) {
    List<int[]> documents = documents();
    double[] alone = model.score(pool, documents, 1);
    assertThat(alone).doesNotHaveDuplicates();
    for (int rows : new int[] {2, 3, 7, 100}) {
      assertThat(model.score(pool, documents, rows)).as("%s rows", rows).isEqualTo(alone);
    }
    List<int[]> reversed = new ArrayList<>(documents);
    Collections.reverse(reversed);
    double[] scores = model.score(pool, reversed, 4);
    for (int i = 0; i < alone.length; i++) {
      assertThat(scores[alone.length - 1 - i]).isEqualTo(alone[i]);
    }
  }

  /** A change of the last token changes the score; what follows a document does not. */
  @Test
  void theScoreIsThatOfTheLastToken() {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ScoredModel model = reward(TestModels.gpt2(2, 16, 2, T, V), backend)) {
      int[] document = {3, 5, 8, 2};
      int[] ids = {3, 5, 8, 2, 9, 11};
      double score = model.rawScores(pool, List.of(document), 1)[0];
      try (Tape tape = Tape.inference(backend, pool)) {
        ForwardPass pass = ForwardPass.inference(tape, model.parameters());
        Tensor all = model.values(pass, tape.constant(ids, Shape.of(1, 6)), RowLayout.whole(1, 6));
        double[] values = new double[6];
        backend.download(all.array(), values, 0);
        assertThat(values[3]).isEqualTo(score);
        assertThat(values[5]).isNotEqualTo(score);
      }
    }
  }

  @Test
  void scoresAreNormalizedByMeanAndDeviation() {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ScoredModel model = reward(TestModels.gpt2(1, 16, 2, T, V), backend)) {
      assertThat(model.normalization()).containsExactly(0, 1);
      double[] raw = model.rawScores(pool, documents(), 3);
      assertThat(model.score(pool, documents(), 3)).isEqualTo(raw);
      model.normalize(0.25, 2);
      double[] scores = model.score(pool, documents(), 3);
      for (int i = 0; i < raw.length; i++) {
        assertThat(scores[i]).isEqualTo((raw[i] - 0.25) / 2);
      }
      assertThat(model.rawScores(pool, documents(), 3)).isEqualTo(raw);
      assertThatThrownBy(() -> model.normalize(0, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("the standard deviation of scores must be positive, got 0.0");
      assertThatThrownBy(() -> model.normalize(0, Double.NaN))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void theHeadsWeightIsSmallAndHasNoBias() {
    try (Backend backend = new ReferenceBackend();
        ScoredModel model = reward(TestModels.gpt2(1, 16, 2, T, V), backend)) {
      Parameter head = model.parameters().parameter("score.weight");
      assertThat(head.shape()).isEqualTo(Shape.of(1, 16));
      assertThat(head.trainable()).isTrue();
      assertThat(model.parameters().contains("score.bias")).isFalse();
      assertThat(model.parameters().parameter("score_normalization").trainable()).isFalse();
      double[] values = new double[16];
      backend.download(model.parameters().weights().view(head), values, 0);
      double square = 0;
      for (double value : values) {
        square += value * value / 16;
      }
      assertThat(square).isCloseTo(1.0 / 17, within(0.05));
    }
  }

  @Test
  void adaptersLeaveTheHeadAloneTrainable() {
    try (ScoredModel model =
        ScoredModel.reward(
            TestModels.gpt2(1, 16, 2, T, V), new Lora(2, 4, 0, NamePattern.all("*.attention.*")))) {
      assertThat(model.parameters().trained())
          .extracting(Parameter::name)
          .allMatch(name -> Lora.isAdapter(name) || name.equals("score.weight"))
          .contains("score.weight")
          .hasSizeGreaterThan(2);
    }
  }

  @Test
  void aValueModelStartsAtZeroAndIsNotNormalized() {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ScoredModel model = ScoredModel.value(TestModels.gpt2(1, 16, 2, T, V), Projections.DENSE)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(3);
      assertThat(model.score(pool, documents(), 2)).containsOnly(0);
      assertThat(model.normalization()).containsExactly(0, 1);
      assertThat(model.parameters().contains("value_head.bias")).isTrue();
    }
  }
}

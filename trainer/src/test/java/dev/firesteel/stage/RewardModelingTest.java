package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.RewardConfig;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.ScoredModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RewardModelingTest {
  private static final double ROUNDING = 1e-5;

  @TempDir private Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyStage.writeBase(folder);
  }

  private void examples(Example... train) throws IOException {
    TinyStage.writeExamples(folder, List.of(train), List.of());
  }

  private void randomExamples() throws IOException {
    List<Example> train = new ArrayList<>(TinyStage.random(ExampleKind.PREFERENCE, 9, 7));
    train.add(TinyStage.answers("abc", "a", "bcd", "ef"));
    train.add(withMargin(TinyStage.answers("xy", "ab", "c"), 0.5));
    TinyStage.writeExamples(folder, train, TinyStage.random(ExampleKind.PREFERENCE, 5, 8));
  }

  private static Example withMargin(Example example, double margin) {
    return new Example(
        example.documents(), JsonNodeFactory.instance.objectNode().put("margin", margin));
  }

  private RewardConfig config(String... overrides) {
    return TinyStage.config(RewardConfig.class, folder, overrides);
  }

  /** A stage on examples at random weights, with plain steps of all of them. */
  private interface Use {
    void of(RewardModeling stage, StepProbe probe) throws IOException;
  }

  private void atRandomWeights(int examples, Use use, String... overrides) throws IOException {
    String[] all =
        Stream.of(
                Stream.of(StepProbe.PLAIN_STEPS.split(" ")),
                Stream.of("training.micro_batch_size=1", "training.global_batch_size=" + examples),
                Stream.of(overrides))
            .flatMap(one -> one)
            .toArray(String[]::new);
    RewardConfig config = config(all);
    try (Backend backend = new ReferenceBackend();
        RewardModeling stage =
            new RewardModeling(
                config, TinyStage.data(config), TinyStage.context(config, backend))) {
      stage.initialize();
      StepProbe probe = StepProbe.of(stage);
      probe.move(0.05, 3);
      use.of(stage, probe);
    }
  }

  private static double logSigmoid(double x) {
    return -Math.log1p(Math.exp(-x));
  }

  @Test
  void theLossIsThatOfBradleyAndTerryWithMarginAndCentering() throws IOException {
    examples(withMargin(TinyStage.answers("ab", "cde", "f"), 0.3));
    double[] scores = new double[2];
    atRandomWeights(
        1,
        (stage, probe) -> {
          StepProbe.Result result = probe.at(0);
          scores[0] = result.measure("mean_reward") + result.measure("margin") / 2;
          scores[1] = result.measure("mean_reward") - result.measure("margin") / 2;
          double sum = scores[0] + scores[1];
          assertThat(result.loss())
              .isCloseTo(
                  -logSigmoid(scores[0] - scores[1] - 0.3) + 0.02 * sum * sum, within(ROUNDING));
          probe.requireGradientOfDifferences(0.02);
        },
        "reward.centering=0.02");
    assertThat(Math.abs(scores[0] - scores[1])).isGreaterThan(0.01);
  }

  /** All six pairs of four answers, in one forward pass of four documents. */
  @Test
  void aRankingIsTheMeanOfItsPairs() throws IOException {
    String[] answers = {"abc", "d", "efgh", "aa"};
    double[] ranking = new double[2];
    examples(TinyStage.answers("hi ", answers));
    atRandomWeights(
        1,
        (stage, probe) -> {
          ranking[0] = probe.at(0).loss();
          ranking[1] = stage.step(0).tokens();
          probe.requireGradientOfDifferences(0.02);
        });
    List<Example> pairs = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      for (int j = i + 1; j < 4; j++) {
        pairs.add(TinyStage.answers("hi ", answers[i], answers[j]));
      }
    }
    examples(pairs.toArray(Example[]::new));
    atRandomWeights(
        6, (stage, probe) -> assertThat(probe.at(0).loss()).isCloseTo(ranking[0], within(1e-9)));
    assertThat(ranking[1]).isEqualTo(4 * 4 + 3 + 1 + 4 + 2); // prompt and end; the answers
  }

  @Test
  void heldOutScoresHaveMeanZeroAndDeviationOneAlsoOnceSaved() throws IOException {
    randomExamples();
    RewardConfig config = config();
    TinyStage.train(config);
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ScoredModel model =
            ModelDirectory.readReward(
                FailingFileSystem.local(),
                TinyStage.hadoop(TinyStage.checkpoint(config, 5)),
                backend,
                notice -> {})) {
      List<int[]> heldOut =
          TinyStage.random(ExampleKind.PREFERENCE, 5, 8).stream()
              .flatMap(example -> example.documents().stream())
              .map(TrainedTokens::tokens)
              .toList();
      double[] scores = model.score(pool, heldOut, 3);
      double mean = 0;
      double square = 0;
      for (double score : scores) {
        mean += score / scores.length;
        square += score * score / scores.length;
      }
      assertThat(mean).isCloseTo(0, within(ROUNDING));
      assertThat(square).isCloseTo(1, within(ROUNDING));
      assertThat(model.normalization()[1]).isNotEqualTo(1);
    }
    RewardConfig raw = config("name=raw", "reward.normalize=false");
    TinyStage.train(raw);
    try (Backend backend = new ReferenceBackend();
        ScoredModel model =
            ModelDirectory.readReward(
                FailingFileSystem.local(),
                TinyStage.hadoop(TinyStage.checkpoint(raw, 5)),
                backend,
                notice -> {})) {
      assertThat(model.normalization()).containsExactly(0, 1);
    }
    assertThat(TinyStage.metric(raw, "loss")).isEqualTo(TinyStage.metric(config, "loss"));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void severalRanksGiveTheBitsOfOne(int ranks) throws Exception {
    randomExamples();
    RewardConfig one = config("name=one", "reward.centering=0.01");
    TinyStage.train(one);
    RewardConfig several = config("name=several", "reward.centering=0.01");
    TinyStage.trainOnRanks(several, ranks);
    for (String file : List.of("model.safetensors", "firesteel/parameters.safetensors")) {
      assertThat(TinyStage.checkpoint(several, 5).resolve(file))
          .hasSameBinaryContentAs(TinyStage.checkpoint(one, 5).resolve(file));
    }
    assertThat(TinyStage.metrics(several)).isEqualTo(TinyStage.metrics(one));
  }

  @Test
  void microBatchesDoNotChangeTheLoss() throws IOException {
    randomExamples();
    RewardConfig whole = config("name=whole", "training.micro_batch_size=8");
    TinyStage.train(whole);
    RewardConfig parts = config("name=parts", "training.micro_batch_size=1");
    TinyStage.train(parts);
    for (String key : List.of("loss", "grad_norm", "margin", "max_reward", "val_loss")) {
      List<Double> wanted = TinyStage.metric(whole, key);
      List<Double> got = TinyStage.metric(parts, key);
      assertThat(got).as(key).hasSameSizeAs(wanted).isNotEmpty();
      for (int i = 0; i < got.size(); i++) {
        assertThat(got.get(i)).as(key).isCloseTo(wanted.get(i), within(2e-4));
      }
    }
  }

  @Test
  void theBetterAnswersAreLearned() throws IOException {
    TinyStage.writeExamples(
        folder,
        List.of(TinyStage.answers("ab", "yes", "no"), TinyStage.answers("cd", "no", "yes")),
        List.of(TinyStage.answers("ab", "yes", "no"), TinyStage.answers("cd", "no", "yes")));
    RewardConfig config =
        config(
            "training.micro_batch_size=1",
            "training.global_batch_size=2",
            "training.steps=25",
            "checkpoint.every=0",
            "evaluation.every=0");
    TinyStage.train(config);
    List<Double> accuracy = TinyStage.metric(config, "val_accuracy");
    assertThat(accuracy.get(accuracy.size() - 1)).isEqualTo(1);
    List<Double> loss = TinyStage.metric(config, "loss");
    assertThat(loss.get(loss.size() - 1)).isLessThan(0.1);
  }
}

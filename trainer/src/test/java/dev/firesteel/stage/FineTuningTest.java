package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.BatchingConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.data.ExampleBatch;
import dev.firesteel.data.ExampleBatches;
import dev.firesteel.data.Packing;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.generate.TokenListener;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FineTuningTest {
  private static final double ROUNDING = 2e-5;

  @TempDir private Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyStage.writeBase(folder);
  }

  private void examples(Example... train) throws IOException {
    TinyStage.writeExamples(folder, List.of(train), List.of());
  }

  private void randomExamples() throws IOException {
    TinyStage.writeExamples(
        folder, TinyStage.random(ExampleKind.SFT, 21, 1), TinyStage.random(ExampleKind.SFT, 5, 2));
  }

  private SftConfig config(String... overrides) {
    return TinyStage.config(SftConfig.class, folder, overrides);
  }

  /** The log-probability of each trained token of a document. */
  private static double[] logProbs(LanguageModel model, TrainedTokens document) {
    try (ArrayPool pool = new ArrayPool(model.parameters().backend())) {
      DocumentRows rows = DocumentRows.of(List.of(document));
      double[] all =
          LogProbs.of(model, 1)
              .compute(pool, rows.ids(), rows.targets(), rows.layout(), 1)
              .logProbs();
      double[] trained = new double[document.trainedCount()];
      int at = 0;
      for (int i = 1; i < document.length(); i++) {
        if (document.isTrained(i)) {
          trained[at++] = all[i - 1];
        }
      }
      return trained;
    }
  }

  @Test
  void oneExampleIsLearnedFromItsFirstAnswerTokenToItsEnd() throws IOException {
    Example example = TinyStage.answers("12+34=", "46, sir");
    examples(example);
    SftConfig config =
        config(
            "training.micro_batch_size=1",
            "training.global_batch_size=1",
            "training.steps=60",
            "checkpoint.every=0",
            "schedule.kind=constant",
            "optimizer.learning_rate=0.02");
    assertThat(TinyStage.train(config)).isEqualTo(TrainingOutcome.COMPLETED);

    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model = TinyStage.read(TinyStage.checkpoint(config, 60), backend)) {
      double[] learned = logProbs(model, example.documents().get(0));
      assertThat(learned).hasSize(8);
      for (double logProb : learned) {
        assertThat(Math.exp(logProb)).isGreaterThan(0.999);
      }
      Completion answer =
          new Generator(model, TinyStage.TOKENIZER, pool)
              .generateFromIds(
                  List.of(TinyStage.TOKENIZER.encode("12+34=")),
                  GenerationOptions.builder().maxTokens(30).temperature(0).build(),
                  TokenListener.NONE)
              .get(0);
      assertThat(answer.text()).isEqualTo("46, sir");
      assertThat(answer.finishReason()).isEqualTo(FinishReason.STOP);
    }
  }

  /** The last step of the first epoch takes the first rows of the second one. */
  @Test
  void theLossIsTheMeanOverTheTokensOfTheStepHoweverItIsCut() throws IOException {
    randomExamples();
    String[] common = {"batching.packing=none", "optimizer.kind=sgd", "optimizer.momentum=0.5"};
    SftConfig whole = config(with(common, "name=whole", "training.micro_batch_size=8"));
    TinyStage.train(whole);
    for (int size : new int[] {1, 2, 4}) {
      SftConfig parts =
          config(with(common, "name=parts-" + size, "training.micro_batch_size=" + size));
      TinyStage.train(parts);
      for (String key : List.of("loss", "grad_norm", "val_loss")) {
        List<Double> wanted = TinyStage.metric(whole, key);
        List<Double> got = TinyStage.metric(parts, key);
        assertThat(got).as(key).hasSameSizeAs(wanted).hasSizeGreaterThan(2);
        for (int i = 0; i < got.size(); i++) {
          assertThat(got.get(i)).as("%s %s", key, i).isCloseTo(wanted.get(i), within(ROUNDING));
        }
      }
      assertThat(TinyStage.weights(parts, 5))
          .containsExactly(TinyStage.weights(whole, 5), within((float) ROUNDING));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void severalRanksGiveTheBitsOfOne(int ranks) throws Exception {
    randomExamples();
    String[] noise = {"batching.neftune_alpha=3", "training.sequence_length=40"};
    SftConfig one = config(with(noise, "name=one"));
    TinyStage.train(one);
    SftConfig several = config(with(noise, "name=several"));
    TinyStage.trainOnRanks(several, ranks);
    assertThat(TinyStage.file(several, 5, "model.safetensors"))
        .isEqualTo(TinyStage.file(one, 5, "model.safetensors"));
    assertThat(TinyStage.metrics(several)).isEqualTo(TinyStage.metrics(one));
  }

  /** Only the second and the fourth of five parts of a conversation are trained. */
  @Test
  void oneStepTrainsAllTurnsOfAConversation() throws IOException {
    int[] tokens = TinyStage.TOKENIZER.encode("hi: hello! you? fine. bye");
    boolean[] trained = new boolean[tokens.length];
    Arrays.fill(trained, 4, 11, true);
    Arrays.fill(trained, 16, 22, true);
    TrainedTokens document = new TrainedTokens(tokens, trained);
    examples(new Example(List.of(document), JsonNodeFactory.instance.objectNode()));
    SftConfig config =
        config(
            "training.micro_batch_size=1",
            "training.global_batch_size=1",
            "training.steps=1",
            "schedule.warmup_steps=0",
            "optimizer.kind=sgd",
            "optimizer.learning_rate=0.5");
    TinyStage.train(config);

    try (Backend backend = new ReferenceBackend();
        LanguageModel base = TinyStage.read(folder.resolve("base"), backend);
        LanguageModel after = TinyStage.read(TinyStage.checkpoint(config, 1), backend)) {
      double[] before = logProbs(base, document);
      assertThat(before).hasSize(13);
      double loss = -Arrays.stream(before).average().orElseThrow();
      assertThat(TinyStage.metric(config, "loss").get(0)).isCloseTo(loss, within(ROUNDING));
      assertThat(TinyStage.metric(config, "grad_norm").get(0)).isGreaterThan(0.01);
      double[] now = logProbs(after, document);
      assertThat(Arrays.stream(now, 0, 7).sum())
          .isGreaterThan(Arrays.stream(before, 0, 7).sum() + 0.1);
      assertThat(Arrays.stream(now, 7, 13).sum())
          .isGreaterThan(Arrays.stream(before, 7, 13).sum() + 0.1);
    }
  }

  /** What precedes an answer is its input, not its target. */
  @Test
  void promptsAreNotTrained() throws IOException {
    Example example = TinyStage.answers("question: ", "x");
    examples(example);
    SftConfig config =
        config("training.micro_batch_size=1", "training.global_batch_size=1", "training.steps=1");
    TinyStage.train(config);
    try (Backend backend = new ReferenceBackend();
        LanguageModel base = TinyStage.read(folder.resolve("base"), backend)) {
      double[] answer = logProbs(base, example.documents().get(0));
      assertThat(answer).hasSize(2);
      assertThat(TinyStage.metric(config, "loss").get(0))
          .isCloseTo(-(answer[0] + answer[1]) / 2, within(ROUNDING));
    }
  }

  /** A row without targets adds nothing to a step that has others. */
  @Test
  void anExampleWithoutTargetsAddsNothing() throws IOException {
    Example example = TinyStage.answers("ab", "cd");
    int[] tokens = {3, 4, 5};
    Example masked =
        new Example(
            List.of(new TrainedTokens(tokens, new boolean[3])),
            JsonNodeFactory.instance.objectNode());
    String[] one = {
      "batching.packing=none", "training.micro_batch_size=1", "training.steps=1", "seed=3"
    };
    examples(example);
    SftConfig alone = config(with(one, "name=alone", "training.global_batch_size=1"));
    TinyStage.train(alone);
    examples(example, masked);
    SftConfig both = config(with(one, "name=both", "training.global_batch_size=2"));
    TinyStage.train(both);
    assertThat(TinyStage.metric(both, "loss")).isEqualTo(TinyStage.metric(alone, "loss"));
    assertThat(TinyStage.metric(both, "grad_norm")).isEqualTo(TinyStage.metric(alone, "grad_norm"));
  }

  /** A step of which nothing is trained is left out, and the weights stay as they are. */
  @Test
  void aStepWithoutTargetsIsSkipped() throws IOException {
    int[] tokens = {3, 4, 5};
    examples(
        new Example(
            List.of(new TrainedTokens(tokens, new boolean[3])),
            JsonNodeFactory.instance.objectNode()));
    SftConfig config =
        config("training.micro_batch_size=1", "training.global_batch_size=1", "training.steps=2");
    TinyStage.train(config);
    assertThat(TinyStage.metrics(config).get(0).path("skipped").asBoolean()).isTrue();
    try (Backend backend = new ReferenceBackend();
        LanguageModel base = TinyStage.read(folder.resolve("base"), backend)) {
      assertThat(TinyStage.weights(config, 2)).isEqualTo(TinyStage.weights(base.parameters()));
    }
  }

  @Test
  void oneCheckpointIsKeptIfOneIsAskedFor() throws IOException {
    randomExamples();
    SftConfig config =
        config("checkpoint.every=1", "checkpoint.keep_last=1", "checkpoint.keep_best=false");
    TinyStage.train(config);
    try (Stream<Path> files = Files.list(TinyStage.run(config).resolve("checkpoints"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .filteredOn(name -> name.startsWith("step-"))
          .containsExactly("step-00000005");
    }
    try (Backend backend = new ReferenceBackend();
        LanguageModel model = TinyStage.read(TinyStage.checkpoint(config, 5), backend)) {
      assertThat(model.parameters().count()).isPositive();
    }
  }

  @Test
  void epochsAreRowsNotExamples() throws IOException {
    randomExamples();
    SftConfig unpacked =
        config("name=a", "training.steps=0", "training.epochs=2", "batching.packing=none");
    TinyStage.train(unpacked);
    assertThat(TinyStage.metric(unpacked, "loss")).hasSize(6); // 42 rows of 8 a step
    SftConfig packed = config("name=b", "training.steps=0", "training.epochs=2");
    TinyStage.train(packed);
    assertThat(TinyStage.metric(packed, "loss")).hasSizeLessThan(4);
  }

  /** The log-probabilities of targets are those of the document alone, bit for bit. */
  @Test
  void documentsOfARowDoNotSeeOneAnother() throws IOException {
    List<TrainedTokens> documents =
        TinyStage.random(ExampleKind.SFT, 13, 4).stream()
            .map(example -> example.documents().get(0))
            .toList();
    ExampleBatches batches =
        new ExampleBatches(documents, BatchingConfig.Packing.BEST_FIT, TinyStage.CONTEXT, 1);
    assertThat(batches.rows()).isLessThan(8);
    int[] places = documents.stream().mapToInt(document -> document.length() - 1).toArray();
    List<int[]> rows = Packing.bestFit(places, TinyStage.CONTEXT);
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model = TinyStage.read(folder.resolve("base"), backend)) {
      ExampleBatch batch = batches.inOrder(rows.size(), 0).get(0);
      double[] packed =
          LogProbs.of(model, 1)
              .compute(pool, batch.inputs(), batch.targets(), batch.layout(), rows.size())
              .logProbs();
      for (int row = 0; row < rows.size(); row++) {
        int at = row * batch.layout().tokens();
        for (int index : rows.get(row)) {
          double[] alone = logProbs(model, documents.get(index));
          int first = at + documents.get(index).firstTrained() - 1;
          assertThat(Arrays.copyOfRange(packed, first, first + alone.length))
              .as("document %s", index)
              .isEqualTo(alone);
          at += places[index];
        }
      }
    }
  }

  @Test
  void packingChangesNeitherTheLossNorTheGradient() throws IOException {
    TinyStage.writeExamples(folder, TinyStage.random(ExampleKind.SFT, 13, 4), List.of());
    StepProbe.Result alone = stepOfAll("batching.packing=none");
    StepProbe.Result packed = stepOfAll("batching.packing=best_fit");
    assertThat(packed.loss()).isCloseTo(alone.loss(), within(1e-6));
    assertThat(packed.gradient()).containsExactly(alone.gradient(), within(1e-6f));
  }

  @Test
  void theGradientIsThatOfDifferencesOfTheLoss() throws IOException {
    TinyStage.writeExamples(folder, TinyStage.random(ExampleKind.SFT, 5, 4), List.of());
    StepProbe.Result result = stepOfAll("batching.packing=best_fit");
    double square = 0;
    for (float one : result.gradient()) {
      square += (double) one * one;
    }
    assertThat(result.measure("grad_norm")).isCloseTo(Math.sqrt(square), within(1e-4));
  }

  /** One step of all examples, at the weights of the base. */
  private StepProbe.Result stepOfAll(String packing) {
    String[] steps = StepProbe.PLAIN_STEPS.split(" ");
    SftConfig any = config(with(steps, packing));
    long rows = FineTuning.rows(any, TinyStage.data(any).train());
    SftConfig config =
        config(
            with(
                steps,
                packing,
                "training.micro_batch_size=1",
                "training.global_batch_size=" + rows));
    try (Backend backend = new ReferenceBackend();
        FineTuning stage =
            new FineTuning(config, TinyStage.data(config), TinyStage.context(config, backend))) {
      stage.initialize();
      StepProbe probe = StepProbe.of(stage);
      if (packing.endsWith("best_fit")) {
        probe.requireGradientOfDifferences(0.02);
      }
      return probe.at(0);
    }
  }

  /** Its adapters are merged: training begins where the run ended. */
  @Test
  void aRunWithAdaptersIsContinuedByAnother() throws IOException {
    randomExamples();
    String[] common = {"evaluation.every=0", "checkpoint.every=0"};
    SftConfig adapted = config(with(common, "name=adapted", "lora.rank=3", "lora.alpha=9"));
    TinyStage.train(adapted);
    double end = TinyStage.metric(adapted, "val_loss").get(0);
    for (int rank : new int[] {0, 2}) {
      SftConfig next =
          config(
              "name=next-" + rank,
              "lora.rank=" + rank,
              "model.from=" + TinyStage.run(adapted),
              "training.steps=1",
              "evaluation.every=1");
      TinyStage.train(next);
      List<Double> losses = TinyStage.metric(next, "val_loss");
      assertThat(losses.get(0)).isCloseTo(end, within(ROUNDING));
      assertThat(losses.get(1)).isNotEqualTo(losses.get(0));
    }
    SftConfig start = config("name=start", "training.steps=1", "evaluation.every=1");
    TinyStage.train(start);
    assertThat(TinyStage.metric(start, "val_loss").get(0)).isGreaterThan(end + 0.01);
  }

  @Test
  void noiseOnEmbeddingsIsOffUnlessAskedFor() throws IOException {
    randomExamples();
    assertThat(config().batching().neftuneAlpha()).isZero();
    SftConfig without = config("name=without", "training.steps=2");
    TinyStage.train(without);
    SftConfig with = config("name=with", "training.steps=2", "batching.neftune_alpha=5");
    TinyStage.train(with);
    assertThat(TinyStage.metric(with, "loss").get(0))
        .isNotEqualTo(TinyStage.metric(without, "loss").get(0));
    // It is part of training alone.
    assertThat(TinyStage.metric(with, "val_loss").get(0))
        .isEqualTo(TinyStage.metric(without, "val_loss").get(0));
  }

  private static String[] with(String[] common, String... more) {
    return Stream.concat(Arrays.stream(common), Arrays.stream(more)).toArray(String[]::new);
  }
}

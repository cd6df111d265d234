package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.HostMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.CollectiveException;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntPredicate;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PretrainingTest {
  private static final String[] EXACT_FILES = {
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "trainer/optimizer-00001-of-00001.safetensors",
    "trainer/layout.json"
  };

  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @Test
  void learns() {
    PretrainConfig config = TinyRun.config(folder, "training.steps=60", "model.dropout=0");
    assertThat(TinyRun.train(config)).isEqualTo(TrainingOutcome.COMPLETED);
    List<JsonNode> rows = TinyRun.metrics(config);
    double before = rows.get(0).get("val_loss").asDouble();
    double after = rows.get(rows.size() - 1).get("val_loss").asDouble();
    // Knowing nothing is ln(vocabulary); 22 characters occur.
    assertThat(before).isCloseTo(Math.log(22), within(0.1));
    assertThat(after).isLessThan(2.0);
  }

  @Test
  void overfitsATinyText() throws IOException {
    TinyRun.prepare(folder, "abcabdabe", "");
    PretrainConfig config =
        TinyRun.config(
            folder,
            "training.steps=150",
            "model.dropout=0",
            "optimizer.weight_decay=0",
            "sample.prompt=abc",
            "sample.temperature=0");
    TinyRun.train(config);
    List<JsonNode> rows = TinyRun.metrics(config);
    // Eight tokens follow from those before them; the first three cannot be told apart at "ab".
    assertThat(rows.get(rows.size() - 1).get("loss").asDouble()).isLessThan(0.02);
  }

  @Test
  void writesEachLoggedStepOnce() {
    PretrainConfig config = TinyRun.config(folder);
    TinyRun.train(config);
    List<JsonNode> rows = TinyRun.metrics(config);
    assertThat(rows)
        .extracting(row -> row.get("step").asInt())
        .containsExactly(0, 2, 4, 6, 8, 10, 12);
    assertThat(rows.get(0).properties())
        .extracting(Map.Entry::getKey)
        .containsExactly("step", "tokens", "val_loss", "val_bpb");
    assertThat(rows.get(1).properties())
        .extracting(Map.Entry::getKey)
        .containsExactly("step", "tokens", "loss", "lr", "grad_norm");
    assertThat(rows.get(2).properties())
        .extracting(Map.Entry::getKey)
        .containsExactly("step", "tokens", "loss", "lr", "grad_norm", "val_loss", "val_bpb");
    assertThat(rows.get(2).get("tokens").asLong()).isEqualTo(4 * 8 * 8);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 4, 10, 12})
  void goesOnAsIfNothingHadHappened(long stopAt) throws IOException {
    PretrainConfig whole = TinyRun.config(folder);
    TinyRun.train(whole);

    PretrainConfig stopped = TinyRun.config(folder, "name=stopped");
    TrainingOutcome outcome = TinyRun.trainUntil(stopped, stopAt);
    assertThat(outcome)
        .isEqualTo(stopAt == 12 ? TrainingOutcome.COMPLETED : TrainingOutcome.INTERRUPTED);
    assertThat(TinyRun.checkpoint(stopped, stopAt)).isDirectory();
    assertThat(TinyRun.train(stopped)).isEqualTo(TrainingOutcome.COMPLETED);

    assertSameRun(whole, stopped);
  }

  @Test
  void goesOnAfterEachStepHasEndedASession() throws IOException {
    PretrainConfig whole = TinyRun.config(folder);
    TinyRun.train(whole);
    PretrainConfig stopped = TinyRun.config(folder, "name=stopped");
    StopSignal always = new StopSignal();
    always.request();
    // Each session ends before its first step, and so must change nothing.
    TinyRun.train(stopped, event -> {}, always);
    for (long step = 2; step < 12; step += 2) {
      TinyRun.trainUntil(stopped, step);
      TinyRun.train(stopped, event -> {}, always);
    }
    assertThat(TinyRun.train(stopped)).isEqualTo(TrainingOutcome.COMPLETED);
    assertSameRun(whole, stopped);
    assertThat(TinyRun.directory(stopped).run().get("sessions")).hasSize(12);
  }

  @Test
  void dropsMetricsThatNoCheckpointCovers() throws IOException {
    PretrainConfig whole = TinyRun.config(folder);
    TinyRun.train(whole);
    PretrainConfig crashed = TinyRun.config(folder, "name=crashed");
    TrainingListener crash =
        event -> {
          if (event instanceof TrainingEvent.StepLogged metrics) {
            if (metrics.step() == 8) {
              throw new IllegalStateException("crash");
            }
          }
        };
    assertThatThrownBy(() -> TinyRun.train(crashed, crash, new StopSignal())).hasMessage("crash");
    assertThat(TinyRun.metrics(crashed)).hasSize(5);
    Path metrics = Path.of(TinyRun.directory(crashed).path() + "/metrics.jsonl");
    Files.writeString(metrics, "{\"step\":10,\"to", StandardOpenOption.APPEND);

    TinyRun.train(crashed);
    assertSameRun(whole, crashed);
  }

  @Test
  void givesTheSameBitsForAnyNumberOfRanks() throws Exception {
    PretrainConfig alone = TinyRun.config(folder);
    TinyRun.train(alone);
    for (int ranks : new int[] {2, 4}) {
      PretrainConfig together = TinyRun.config(folder, "name=ranks" + ranks);
      TinyRun.trainOnRanks(together, ranks, ReferenceBackend::new, 12);
      assertSameNumbers(alone, together);
    }
  }

  @Test
  void givesTheSameBitsForAnyNumberOfRanksThatShareNoPowerOfTwoOfSlots() throws Exception {
    PretrainConfig alone = TinyRun.config(folder, "training.global_batch_size=24");
    TinyRun.train(alone);
    for (int ranks : new int[] {2, 4}) {
      PretrainConfig together =
          TinyRun.config(folder, "name=twelfths" + ranks, "training.global_batch_size=24");
      TinyRun.trainOnRanks(together, ranks, ReferenceBackend::new, 12);
      assertSameNumbers(alone, together);
    }
  }

  @Test
  void goesOnWithAnotherNumberOfRanks() throws Exception {
    PretrainConfig alone = TinyRun.config(folder);
    TinyRun.train(alone);
    PretrainConfig changing = TinyRun.config(folder, "name=changing");
    TinyRun.trainUntil(changing, 4);
    TinyRun.trainOnRanks(changing, 4, ReferenceBackend::new, 12);
    assertSameNumbers(alone, changing);
  }

  @Test
  void tellsThatRanksComputeByDifferentArithmetic() throws Exception {
    PretrainConfig config = TinyRun.config(folder);
    Queue<Backend> backends =
        new ConcurrentLinkedQueue<>(
            List.of(
                new ReferenceBackend(),
                Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 1))));
    List<String> notices = Collections.synchronizedList(new ArrayList<>());
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.Notice notice) {
            notices.add(notice.line());
          }
        };
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      for (Future<TrainingOutcome> outcome :
          TinyRun.submitRanks(config, 2, backends::remove, listener, 1, threads)) {
        outcome.get();
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(notices)
        .singleElement()
        .asString()
        .startsWith("Rank 0 computes with ")
        .contains(
            "1 of 2 ranks do not (rank 1 uses ", "cpu: fp32 products", "reference: plain loops");
  }

  @Test
  void takesTheOtherRanksAlongWhenOneFails() throws Exception {
    PretrainConfig config = TinyRun.config(folder);
    TrainingListener failing =
        event -> {
          if (event instanceof TrainingEvent.StepLogged metrics) {
            if (metrics.step() == 4) {
              throw new IllegalStateException("the disk is gone");
            }
          }
        };
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      List<Future<TrainingOutcome>> outcomes =
          TinyRun.submitRanks(config, 2, ReferenceBackend::new, failing, 12, threads);
      assertThatThrownBy(() -> outcomes.get(0).get()).hasRootCauseMessage("the disk is gone");
      assertThatThrownBy(() -> outcomes.get(1).get())
          .cause()
          .isInstanceOf(CollectiveException.class)
          .hasMessage(
              "another rank was lost: rank 0 failed at step 4: java.lang.IllegalStateException: the disk is gone");
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void refusesRanksThatDoNotShareTheSlotsEvenly() {
    PretrainConfig config = TinyRun.config(folder);
    assertThatThrownBy(() -> TinyRun.trainOnRanks(config, 3, ReferenceBackend::new, 12))
        .hasRootCauseInstanceOf(UserException.class)
        .hasRootCauseMessage(
            "training.global_batch_size / training.micro_batch_size must be a multiple of the number of executors (3), got 4 micro-batches: change one of them");
  }

  @Test
  void skipsAndReportsWhatIsNotFinite() {
    PretrainConfig config = TinyRun.config(folder, "logging.every=100", "sample.max_tokens=0");
    List<String> skips = new ArrayList<>();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.StepSkipped stepSkipped) {
            skips.add(stepSkipped.step() + " " + stepSkipped.loss());
          }
        };
    // Four slots a step: slots 9 to 12 are step 3.
    try (Backend backend = poisoned(call -> call == 10)) {
      assertThat(TinyRun.train(config, backend, listener, new StopSignal()))
          .isEqualTo(TrainingOutcome.COMPLETED);
    }
    assertThat(skips).containsExactly("3 NaN");
    List<JsonNode> rows = TinyRun.metrics(config);
    assertThat(rows).extracting(row -> row.get("step").asInt()).containsExactly(0, 3, 4, 8, 12);
    assertThat(rows.get(1).get("skipped").asBoolean()).isTrue();
    assertThat(rows.get(1).has("loss")).isFalse();
    assertThat(rows.get(4).get("val_loss").isNumber()).isTrue();
  }

  @Test
  void countsSkippedStepsOutOfTheBiasCorrection() throws IOException {
    PretrainConfig config = TinyRun.config(folder, "sample.max_tokens=0");
    try (Backend backend = poisoned(call -> call == 10)) {
      TinyRun.train(config, backend, event -> {}, new StopSignal());
    }
    assertThat(new String(TinyRun.file(config, 12, "trainer/state.json"), StandardCharsets.UTF_8))
        .contains("\"step\" : 12,", "\"model\" : 11");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 7, after 1 skipped step",
    "1, 8, after 2 consecutive skipped steps",
    "2, 9, after 3 consecutive skipped steps"
  })
  void stopsAfterTooManyStepsInARowThatAreNotFinite(int limit, long last, String counted) {
    PretrainConfig config =
        TinyRun.config(folder, "training.skip_non_finite_limit=" + limit, "sample.max_tokens=0");
    List<Long> skips = new ArrayList<>();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.StepSkipped stepSkipped) {
            skips.add(stepSkipped.step());
          }
        };
    try (Backend backend = poisoned(call -> call > 24)) {
      assertThatThrownBy(() -> TinyRun.train(config, backend, listener, new StopSignal()))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "loss and gradient must be finite, got loss NaN and gradient norm NaN at step %d, %s: lower optimizer.learning_rate or raise schedule.warmup_steps; the last checkpoint is at step 5"
                  .formatted(last, counted));
    }
    assertThat(skips).containsExactlyElementsOf(LongStream.rangeClosed(7, last).boxed().toList());
  }

  @Test
  void refusesAPromptThatDoesNotFitBeforeItTrains() {
    PretrainConfig config = TinyRun.config(folder, "sample.prompt=0 sheep and 1 goats");
    assertThatThrownBy(() -> TinyRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("prompt 1 must have 1 to 7 tokens");
    assertThat(Path.of(TinyRun.directory(config).path().toString())).doesNotExist();
  }

  @Test
  void keepsTheNewestCheckpointsAndTheBest() {
    PretrainConfig config =
        TinyRun.config(
            folder,
            "training.steps=24",
            "checkpoint.every=4",
            "checkpoint.keep_last=2",
            // So large that it diverges: the first evaluation stays the best.
            "optimizer.learning_rate=5",
            "schedule.warmup_steps=20");
    TinyRun.train(config);
    assertThat(TinyRun.checkpoint(config, 24)).isDirectory();
    assertThat(TinyRun.checkpoint(config, 20)).isDirectory();
    String[] kept = TinyRun.checkpoint(config, 24).getParent().toFile().list();
    assertThat(kept).hasSize(3);
    double lowest =
        TinyRun.metrics(config).stream()
            .filter(row -> row.has("val_loss") && row.get("step").asInt() > 0)
            .mapToDouble(row -> row.get("val_loss").asDouble())
            .min()
            .orElseThrow();
    JsonNode bestRow =
        TinyRun.metrics(config).stream()
            .filter(row -> row.path("val_loss").asDouble(9) == lowest)
            .findFirst()
            .orElseThrow();
    assertThat(kept).contains("step-%08d".formatted(bestRow.get("step").asInt()));
  }

  @Test
  void tellsItsListenerWhatHappens() {
    PretrainConfig config = TinyRun.config(folder);
    List<String> events = new ArrayList<>();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.Started started) {
            events.add(
                "start %d of %d".formatted(started.plan().fromStep(), started.plan().steps()));
          }
          if (event instanceof TrainingEvent.StepLogged metrics) {
            events.add("step " + metrics.step());
          }
          if (event instanceof TrainingEvent.Evaluated evaluated) {
            events.add("evaluation " + evaluated.step());
          }
          if (event instanceof TrainingEvent.CheckpointCommitted checkpointCommitted) {
            events.add("checkpoint " + checkpointCommitted.step());
          }
          if (event instanceof TrainingEvent.Sampled sampled) {
            events.add("sample " + sampled.step());
          }
          if (event instanceof TrainingEvent.Ended ended) {
            events.add(ended.outcome() + " " + ended.step());
          }
        };
    TinyRun.train(config, listener, new StopSignal());
    assertThat(events)
        .containsExactly(
            "start 0 of 12",
            "evaluation 0",
            "step 0",
            "step 2",
            "evaluation 4",
            "step 4",
            "checkpoint 5",
            "step 6",
            "sample 6",
            "evaluation 8",
            "step 8",
            "step 10",
            "checkpoint 10",
            "evaluation 12",
            "step 12",
            "sample 12",
            "checkpoint 12",
            "COMPLETED 12");
  }

  @Test
  void refusesAVocabularySmallerThanTheTokenizers() {
    PretrainConfig config = TinyRun.config(folder, "model.vocabulary_size=5");
    assertThatThrownBy(() -> TinyRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "model.vocabulary_size must be at least the tokenizer's (22), got 5: raise it, or set it to 0");
  }

  private void assertSameRun(PretrainConfig expected, PretrainConfig got) throws IOException {
    for (String file : EXACT_FILES) {
      assertThat(TinyRun.file(got, 12, file)).as(file).isEqualTo(TinyRun.file(expected, 12, file));
    }
    assertSameNumbers(expected, got);
  }

  /** All but the optimizer's files, which are as many as there were ranks. */
  private static void assertSameNumbers(PretrainConfig expected, PretrainConfig got)
      throws IOException {
    assertThat(TinyRun.file(got, 12, "model.safetensors"))
        .isEqualTo(TinyRun.file(expected, 12, "model.safetensors"));
    assertThat(TinyRun.metrics(got)).isEqualTo(TinyRun.metrics(expected));
    assertThat(TinyRun.directory(got).read("samples.jsonl"))
        .hasValueSatisfying(
            samples ->
                assertThat(samples)
                    .isEqualTo(TinyRun.directory(expected).read("samples.jsonl").orElseThrow()));
  }

  @Test
  void warmsTheBackendUpBeforeTheFirstStepAndAfterEachUntilThatIsDone() {
    List<String> events = new ArrayList<>();
    Backend cold =
        InterceptedBackend.of(
            (method, arguments, call) -> {
              if (method.equals("warmUp")) {
                events.add("warm-up of " + arguments[0]);
                return events.size() > 4;
              }
              if (method.equals("adamW") && !events.get(events.size() - 1).equals("step")) {
                events.add("step");
              }
              return call.proceed();
            });
    try (cold) {
      TinyRun.trainUntil(TinyRun.config(folder, "name=warm"), cold, 6);
    }

    assertThat(events)
        .containsExactly(
            "warm-up of PT1S", "step", "warm-up of PT0.01S", "step", "warm-up of PT0.01S", "step");
  }

  /** The reference backend, whose n-th loss with a gradient, from 1, is NaN where asked. */
  private static Backend poisoned(IntPredicate poisonedCalls) {
    HostMemory memory = new HostMemory();
    int[] calls = new int[1];
    return InterceptedBackend.of(
        (method, arguments, call) -> {
          Object result = call.proceed();
          if (method.equals("linearCrossEntropy")
              && arguments[6] != null
              && poisonedCalls.test(++calls[0])) {
            memory.fill((NdArray) arguments[4], Double.NaN);
            memory.fill((NdArray) arguments[5], Double.NaN);
          }
          return result;
        });
  }
}

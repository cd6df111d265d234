package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.ExampleFolder;
import dev.firesteel.data.ShardWriter;
import dev.firesteel.data.TokenEncoding;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Projections;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/** Runs of the stages that align a model, small enough for tests: models, examples, and results. */
final class AlignmentRun {
  static final Configuration HADOOP = new Configuration();

  /** Letters and an end token. */
  static final CharTokenizer LETTERS =
      CharTokenizer.train(List.of("abcdefgh").iterator()).withEndOfText();

  static final int END = LETTERS.endOfText().orElseThrow();

  private static final List<String> NOT_REPEATED =
      List.of(
          "tokens_per_second",
          "step_ms",
          "allocated_bytes_per_step",
          "gc_ms",
          "rollout_ms",
          "scoring_ms",
          "update_ms",
          "eps");

  private AlignmentRun() {}

  /** Weights large enough that probabilities differ. */
  static ModelConfig modelConfig() {
    return TestModels.withInitStd(TestModels.gpt2(2, 16, 2, 24, LETTERS.vocabularySize()), 0.3);
  }

  /** Writes a language model with random weights. */
  static Path writeModel(Path folder, ModelConfig config, Tokenizer tokenizer, long seed) {
    try (Backend backend = new ReferenceBackend();
        LanguageModel model = Models.declare(config)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(seed);
      return write(folder, model, tokenizer);
    }
  }

  /** Writes a reward model with random weights. */
  static Path writeRewardModel(Path folder, long seed) {
    try (Backend backend = new ReferenceBackend();
        ScoredModel model = ScoredModel.reward(modelConfig(), Projections.DENSE)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(seed);
      return write(folder, model.backbone(), LETTERS);
    }
  }

  private static Path write(Path folder, LanguageModel model, Tokenizer tokenizer) {
    org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(folder.toUri());
    try {
      FileSystem fs = HadoopFiles.fileSystem(path, HADOOP);
      ModelDirectory.write(
          new CheckpointWriter(fs, path, Attempt.unfenced(), () -> {}),
          model,
          tokenizer,
          ConfigLoader.load(PretrainConfig.class, List.of("data.source=none")).sample());
    } catch (IOException e) {
      throw HadoopFiles.explain("writing " + path, e);
    }
    return folder;
  }

  /** A prompt of letters. */
  static Example prompt(String text) {
    int[] tokens = LETTERS.encode(text);
    return new Example(
        List.of(new TrainedTokens(tokens, new boolean[tokens.length])),
        JsonNodeFactory.instance.objectNode().put("wish", text.length()));
  }

  /** Prompts of 1 to 5 letters. */
  static List<Example> prompts(int count) {
    List<Example> prompts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder text = new StringBuilder();
      for (int letter = 0; letter <= i % 5; letter++) {
        text.append((char) ('a' + (i + 3 * letter) % 8));
      }
      prompts.add(prompt(text.toString()));
    }
    return prompts;
  }

  /** Writes prepared examples. */
  static void writeExamples(
      Path folder,
      ExampleKind kind,
      Tokenizer tokenizer,
      List<Example> train,
      List<Example> validation) {
    ExampleFolder.write(
        new org.apache.hadoop.fs.Path(folder.toUri()), kind, tokenizer, train, validation, HADOOP);
  }

  /** Writes a prepared text, as that of a pretraining run. */
  static void writeText(Path folder, Tokenizer tokenizer, String text) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer.toJson());
    org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(folder.toUri());
    try (ShardWriter writer =
        new ShardWriter(
            HadoopFiles.fileSystem(path, HADOOP), path, "train-00000", TokenEncoding.UINT16)) {
      int[] tokens = tokenizer.encode(text);
      writer.add(tokens);
      new DatasetManifest(
              DatasetManifest.VERSION,
              "none",
              "00",
              new DatasetManifest.Inputs(1, 10, "11"),
              new DatasetManifest.TokenizerInfo(
                  "tokenizer.json", tokenizer.sha256(), tokenizer.vocabularySize()),
              TokenEncoding.UINT16,
              "tail",
              new DatasetManifest.DocumentCounts(1, 0, 0, 0, 0, 0, 1),
              new DatasetManifest.SplitInfo(
                  1, tokens.length, text.length(), List.of(writer.finish())),
              new DatasetManifest.SplitInfo(0, 0, 0, List.of()))
          .write(path, HADOOP);
    }
  }

  /** A stage's configuration, with data and runs below {@code folder}. */
  static <C extends Record & ExampleStageConfig> C config(
      Class<C> root, Path folder, String... settings) {
    List<String> all = new ArrayList<>();
    all.add("data.source=none");
    all.add("data.path=" + folder.resolve("data"));
    all.add("runs_folder=" + folder.resolve("runs"));
    all.add("compute.threads=1");
    all.addAll(Arrays.asList(settings));
    return StartingModel.resolve(ConfigLoader.draft(root, all), HADOOP);
  }

  /** Runs to the end, or until {@code steps} are done, on ranks that are threads. */
  static TrainingOutcome train(
      ExampleStageConfig config, int ranks, long steps, TrainingListener listener) {
    List<? extends Collective> world =
        ranks == 1 ? List.of(new SingleProcess()) : ThreadCollective.world(ranks);
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<TrainingOutcome>> outcomes = new ArrayList<>();
      for (Collective collective : world) {
        outcomes.add(threads.submit(() -> train(config, collective, steps, listener)));
      }
      TrainingOutcome outcome = null;
      for (Future<TrainingOutcome> one : outcomes) {
        outcome = one.get();
      }
      return outcome;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    } finally {
      threads.shutdownNow();
    }
  }

  static TrainingOutcome train(ExampleStageConfig config) {
    return train(config, 1, Long.MAX_VALUE, event -> {});
  }

  private static TrainingOutcome train(
      ExampleStageConfig config, Collective collective, long steps, TrainingListener listener) {
    StopSignal stop = new StopSignal();
    TrainingListener stopping =
        event -> {
          if (event instanceof TrainingEvent.StepLogged logged && logged.step() >= steps) {
            stop.request();
          }
        };
    try (Backend backend = backend(config)) {
      TrainingContext context =
          new TrainingContext(
              backend,
              collective,
              directory(config),
              TrainingListener.all(stopping, listener),
              new RankListener() {},
              stop);
      try (TrainingRun run =
          Stages.open(
              config, new org.apache.hadoop.fs.Path(config.dataFolder()), HADOOP, context)) {
        return run.run();
      }
    }
  }

  static Backend backend(ExampleStageConfig config) {
    return config.compute().backend() == BackendKind.CPU
        ? Backends.create(new BackendOptions(BackendKind.CPU, config.compute().precision(), 1))
        : new ReferenceBackend();
  }

  static RunDirectory directory(ExampleStageConfig config) {
    return RunDirectory.of(config, HADOOP);
  }

  /** {@code metrics.jsonl} without times and memory. */
  static List<JsonNode> metrics(ExampleStageConfig config) {
    List<JsonNode> rows =
        StepRows.parse(
            directory(config).read(RunDirectory.METRICS).orElseThrow(), RunDirectory.METRICS);
    rows.forEach(row -> ((ObjectNode) row).remove(NOT_REPEATED));
    return rows;
  }

  /** The rows of steps, without that of the evaluation before the first. */
  static List<JsonNode> steps(ExampleStageConfig config) {
    return metrics(config).stream().filter(row -> row.path("step").asLong() > 0).toList();
  }

  static Path checkpoint(ExampleStageConfig config, long step) {
    return Path.of(
        directory(config).path().toUri().getPath(), "checkpoints", "step-%08d".formatted(step));
  }

  /** A file of a checkpoint. */
  static byte[] file(ExampleStageConfig config, long step, String name) throws IOException {
    return Files.readAllBytes(checkpoint(config, step).resolve(name));
  }
}

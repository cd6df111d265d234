package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.ShardInfo;
import dev.firesteel.data.ShardWriter;
import dev.firesteel.data.TokenEncoding;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.stage.Stages;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/** A run small enough for plain loops: text, configuration, and what it leaves. */
public final class TinyRun {
  public static final Configuration HADOOP = new Configuration();

  private static final String YAML =
      """
      name: tiny
      seed: 7
      data: {source: none}
      tokenizer: {kind: char}
      model:
        architecture: gpt2
        layers: 1
        width: 16
        heads: 2
        context_length: 8
        dropout: 0.1
      compute: {backend: reference}
      training: {steps: 12, micro_batch_size: 2, global_batch_size: 8}
      optimizer: {learning_rate: 0.01}
      schedule: {kind: cosine, warmup_steps: 3}
      evaluation: {every: 4, batches: 3}
      checkpoint: {every: 5, keep_last: 100}
      logging: {every: 2}
      sample: {every: 6, max_tokens: 5}
      """;

  private static final List<String> NOT_REPEATED =
      List.of("tokens_per_second", "step_ms", "allocated_bytes_per_step", "gc_ms");

  private TinyRun() {}

  /** The configuration, with data and runs below {@code folder}. */
  public static PretrainConfig config(Path folder, String... overrides) {
    List<String> all = new ArrayList<>();
    all.add("data.path=" + folder.resolve("data"));
    all.add("runs_folder=" + folder.resolve("runs"));
    all.addAll(Arrays.asList(overrides));
    return ConfigLoader.parse(PretrainConfig.class, YAML, "the tiny run", all);
  }

  /** The configuration of a run that starts from a model. */
  static PretrainConfig from(String model, Path folder, String... overrides) throws IOException {
    List<String> all = new ArrayList<>();
    all.add("data.path=" + folder.resolve("data"));
    all.add("runs_folder=" + folder.resolve("runs"));
    all.addAll(Arrays.asList(overrides));
    all.add("model.from=" + model);
    Path yaml = Files.writeString(folder.resolve("tiny.yaml"), YAML);
    return StartingModel.resolve(ConfigLoader.draft(PretrainConfig.class, yaml, all), HADOOP);
  }

  /** Prepares the data of {@link #config}: a text of counted sheep. */
  public static void prepare(Path folder) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 60; i++) {
      text.append(i).append(" sheep and ").append(i + 1).append(" goats\n");
    }
    prepare(folder, text.substring(0, 900), text.substring(900));
  }

  static void prepare(Path folder, String train, String validation) throws IOException {
    Path data = folder.resolve("data");
    Files.createDirectories(data);
    Tokenizer tokenizer = CharTokenizer.train(List.of(train + validation).iterator());
    Files.writeString(data.resolve("tokenizer.json"), tokenizer.toJson());
    org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(data.toString());
    new DatasetManifest(
            DatasetManifest.VERSION,
            "none",
            "00",
            new DatasetManifest.Inputs(1, 10, "11"),
            new DatasetManifest.TokenizerInfo(
                "tokenizer.json", tokenizer.sha256(), tokenizer.vocabularySize()),
            TokenEncoding.UINT16,
            "tail",
            new DatasetManifest.DocumentCounts(2, 0, 0, 0, 0, 0, 2),
            part(path, "train-00000", tokenizer, train),
            part(path, "validation-00000", tokenizer, validation))
        .write(path, HADOOP);
  }

  private static DatasetManifest.SplitInfo part(
      org.apache.hadoop.fs.Path path, String name, Tokenizer tokenizer, String text)
      throws IOException {
    if (text.isEmpty()) {
      return new DatasetManifest.SplitInfo(0, 0, 0, List.of());
    }
    FileSystem fs = HadoopFiles.fileSystem(path, HADOOP);
    try (ShardWriter writer = new ShardWriter(fs, path, name, TokenEncoding.UINT16)) {
      int[] tokens = tokenizer.encode(text);
      writer.add(tokens);
      ShardInfo shard = writer.finish();
      return new DatasetManifest.SplitInfo(
          1, tokens.length, text.getBytes(StandardCharsets.UTF_8).length, List.of(shard));
    }
  }

  static TrainingData data(PretrainConfig config) {
    return TrainingData.open(new org.apache.hadoop.fs.Path(config.data().path()), HADOOP);
  }

  public static RunDirectory directory(PretrainConfig config) {
    return RunDirectory.of(config, HADOOP);
  }

  /** Runs to the end, or until {@code stop}. */
  public static TrainingOutcome train(
      PretrainConfig config, TrainingListener listener, StopSignal stop) {
    try (Backend backend = new ReferenceBackend()) {
      return train(config, backend, listener, stop);
    }
  }

  static TrainingOutcome train(
      PretrainConfig config, Backend backend, TrainingListener listener, StopSignal stop) {
    return train(config, backend, new SingleProcess(), listener, stop);
  }

  private static TrainingOutcome train(
      PretrainConfig config,
      Backend backend,
      Collective collective,
      TrainingListener listener,
      StopSignal stop) {
    TrainingContext context =
        new TrainingContext(
            backend, collective, directory(config), listener, new RankListener() {}, stop);
    try (TrainingRun training = Stages.pretrain(config, data(config), context)) {
      return training.run();
    }
  }

  public static TrainingOutcome train(PretrainConfig config) {
    return train(config, event -> {}, new StopSignal());
  }

  /** Runs until {@code steps} are done and the stop signal is seen. */
  static TrainingOutcome trainUntil(PretrainConfig config, long steps) {
    try (Backend backend = new ReferenceBackend()) {
      return trainUntil(config, backend, steps);
    }
  }

  static TrainingOutcome trainUntil(PretrainConfig config, Backend backend, long steps) {
    StopSignal stop = new StopSignal();
    return train(config, backend, stopAfter(steps, stop), stop);
  }

  public static TrainingListener stopAfter(long steps, StopSignal stop) {
    return event -> {
      if (event instanceof TrainingEvent.StepLogged metrics) {
        if (metrics.step() >= steps) {
          stop.request();
        }
      }
    };
  }

  /** Trains on ranks that are threads, until {@code steps} are done. */
  static void trainOnRanks(PretrainConfig config, int ranks, Supplier<Backend> backends, long steps)
      throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      for (Future<TrainingOutcome> outcome :
          submitRanks(config, ranks, backends, event -> {}, steps, threads)) {
        outcome.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  static List<Future<TrainingOutcome>> submitRanks(
      PretrainConfig config,
      int ranks,
      Supplier<Backend> backends,
      TrainingListener listener,
      long steps,
      ExecutorService threads) {
    List<Future<TrainingOutcome>> outcomes = new ArrayList<>();
    for (ThreadCollective collective : ThreadCollective.world(ranks)) {
      StopSignal stop = new StopSignal();
      TrainingListener both = TrainingListener.all(stopAfter(steps, stop), listener);
      outcomes.add(
          threads.submit(
              () -> {
                try (Backend backend = backends.get()) {
                  return train(config, backend, collective, both, stop);
                }
              }));
    }
    return outcomes;
  }

  /** {@code metrics.jsonl} without what differs from one run to the next: times and memory. */
  public static List<JsonNode> metrics(PretrainConfig config) {
    List<JsonNode> rows =
        StepRows.parse(
            directory(config).read(RunDirectory.METRICS).orElseThrow(), RunDirectory.METRICS);
    rows.forEach(row -> ((ObjectNode) row).remove(NOT_REPEATED));
    return rows;
  }

  /** A file of a checkpoint. */
  static byte[] file(PretrainConfig config, long step, String name) throws IOException {
    return Files.readAllBytes(checkpoint(config, step).resolve(name));
  }

  static Path checkpoint(PretrainConfig config, long step) {
    return Path.of(directory(config).path().toString(), "checkpoints", "step-%08d".formatted(step));
  }
}

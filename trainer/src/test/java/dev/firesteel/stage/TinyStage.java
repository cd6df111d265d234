package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.ExampleLine;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.random.RandomStream;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingRun;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;

/**
 * Stages that train a model on examples, small enough for plain loops: the model, the examples, the
 * configuration, and what a run leaves.
 */
final class TinyStage {
  static final Configuration HADOOP = new Configuration();
  static final String PADDING = "<|pad|>";
  static final Tokenizer TOKENIZER = tokenizer();
  static final int END = TOKENIZER.endOfText().orElseThrow();
  static final int CONTEXT = 48;

  private static final String YAML =
      """
      name: tiny
      seed: 7
      data: {source: none}
      compute: {backend: reference}
      training: {steps: 5, micro_batch_size: 2, global_batch_size: 8}
      optimizer: {learning_rate: 0.01}
      schedule: {warmup_steps: 2}
      evaluation: {every: 2}
      checkpoint: {every: 0, keep_last: 100}
      logging: {every: 1}
      sample: {every: 4, max_tokens: 4}
      """;

  private static final List<String> NOT_REPEATED =
      List.of("tokens_per_second", "step_ms", "allocated_bytes_per_step", "gc_ms");

  private TinyStage() {}

  /** Characters, the end token, and one for padding. */
  private static Tokenizer tokenizer() {
    Tokenizer characters =
        CharTokenizer.train(List.of("abcdefghijklmnopqrstuvwxyz0123456789 +=?,.!:").iterator())
            .withEndOfText();
    try {
      ObjectMapper mapper = new ObjectMapper();
      ObjectNode json = (ObjectNode) mapper.readTree(characters.toJson());
      int id = characters.vocabularySize();
      ((ObjectNode) json.path("model").path("vocab")).put(PADDING, id);
      ((ArrayNode) json.path("added_tokens"))
          .add(
              ((ObjectNode) json.path("added_tokens").get(0).deepCopy())
                  .put("id", id)
                  .put("content", PADDING));
      return Tokenizers.load(
          new ByteArrayInputStream(json.toString().getBytes(StandardCharsets.UTF_8)), "test");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A Llama whose weights are large enough for its outputs to differ. */
  static ModelConfig llama() {
    return TestModels.withInitStd(
        TestModels.llama(2, 16, 2, 1, 24, CONTEXT, TOKENIZER.vocabularySize()), 0.25);
  }

  /** Writes a model with random weights, {@code folder/base}, that runs start from. */
  static Path writeBase(Path folder) throws IOException {
    return writeModel(folder.resolve("base"), llama(), 5);
  }

  static Path writeModel(Path directory, ModelConfig config, long seed) throws IOException {
    try (Backend backend = new ReferenceBackend();
        LanguageModel model = Models.declare(config)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(seed);
      writeModel(directory, model);
    }
    return directory;
  }

  static void writeModel(Path directory, LanguageModel model) throws IOException {
    ModelDirectory.write(
        new CheckpointWriter(
            FailingFileSystem.local(), hadoop(directory), Attempt.unfenced(), () -> {}),
        model,
        model.parameters().weights(),
        TOKENIZER,
        new SampleConfig("", 0, 8, 1, 0, 1));
  }

  static org.apache.hadoop.fs.Path hadoop(Path path) {
    return new org.apache.hadoop.fs.Path(path.toString());
  }

  /** A prompt and an answer, which is trained with its end token. */
  static TrainedTokens document(String prompt, String answer) {
    int[] before = TOKENIZER.encode(prompt);
    int[] after = TOKENIZER.encode(answer);
    int[] tokens = Arrays.copyOf(before, before.length + after.length + 1);
    System.arraycopy(after, 0, tokens, before.length, after.length);
    tokens[tokens.length - 1] = END;
    boolean[] trained = new boolean[tokens.length];
    Arrays.fill(trained, before.length, tokens.length, true);
    return new TrainedTokens(tokens, trained);
  }

  /** An example of documents with the same prompt. */
  static Example answers(String prompt, String... answers) {
    return new Example(
        Arrays.stream(answers).map(answer -> document(prompt, answer)).toList(),
        JsonNodeFactory.instance.objectNode());
  }

  /** An answer that is good or bad. */
  static Example labelled(String prompt, String answer, boolean good) {
    return new Example(
        List.of(document(prompt, answer)),
        JsonNodeFactory.instance.objectNode().put("label", good));
  }

  /** Random examples of different lengths; a preference has two answers, every fifth one three. */
  static List<Example> random(ExampleKind kind, int count, long seed) {
    RandomStream random = RandomStream.of(seed, "examples");
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String prompt = word(random, 1 + random.nextInt(14));
      String one = word(random, 1 + random.nextInt(9));
      examples.add(
          switch (kind) {
            case PREFERENCE -> answers(prompt, one, word(random, 1 + random.nextInt(9)));
            case LABELLED -> labelled(prompt, one, random.nextInt(3) > 0);
            default -> answers(prompt, one);
          });
    }
    return examples;
  }

  private static String word(RandomStream random, int length) {
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < length; i++) {
      word.append((char) ('a' + random.nextInt(8)));
    }
    return word.toString();
  }

  /** Writes prepared examples, {@code folder/data}. */
  static void writeExamples(Path folder, List<Example> train, List<Example> validation)
      throws IOException {
    Path data = Files.createDirectories(folder.resolve("data"));
    Files.writeString(data.resolve("tokenizer.json"), TOKENIZER.toJson());
    ExampleManifest.SplitInfo trainPart = split(data, "train-00000.jsonl", train);
    ExampleManifest.SplitInfo heldOut = split(data, "validation-00000.jsonl", validation);
    new ExampleManifest(
            ExampleManifest.VERSION,
            "examples",
            "none",
            "00",
            new DatasetManifest.Inputs(1, 10, "11"),
            new DatasetManifest.TokenizerInfo(
                "tokenizer.json", TOKENIZER.sha256(), TOKENIZER.vocabularySize()),
            "",
            new ExampleManifest.Counts(
                train.size(), train.size(), Map.of(), Map.of(), 0, 0, Map.of()),
            trainPart,
            heldOut)
        .write(hadoop(data), HADOOP);
  }

  private static ExampleManifest.SplitInfo split(Path data, String name, List<Example> examples)
      throws IOException {
    StringBuilder lines = new StringBuilder();
    examples.forEach(example -> lines.append(ExampleLine.write(example)).append('\n'));
    byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
    Files.write(data.resolve(name), bytes);
    List<TrainedTokens> documents =
        examples.stream().flatMap(example -> example.documents().stream()).toList();
    String sha256 = HexFormat.of().formatHex(HadoopFiles.sha256().digest(bytes));
    return new ExampleManifest.SplitInfo(
        examples.size(),
        documents.size(),
        documents.stream().mapToLong(TrainedTokens::length).sum(),
        documents.stream().mapToLong(TrainedTokens::trainedCount).sum(),
        documents.stream().mapToInt(TrainedTokens::length).max().orElse(0),
        List.of(new ExampleManifest.FileEntry(name, examples.size(), bytes.length, sha256)));
  }

  /** A configuration of the model and the examples in a folder. */
  static <C extends Record & ExampleStageConfig> C config(
      Class<C> root, Path folder, String... overrides) {
    List<String> all = new ArrayList<>();
    all.add("data.path=" + folder.resolve("data"));
    all.add("runs_folder=" + folder.resolve("runs"));
    all.add("model.from=" + folder.resolve("base"));
    all.addAll(Arrays.asList(overrides));
    try {
      Path yaml = Files.writeString(folder.resolve("tiny.yaml"), YAML);
      return StartingModel.resolve(ConfigLoader.draft(root, yaml, all), HADOOP);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static ExampleData data(ExampleStageConfig config) {
    return ExampleData.open(new org.apache.hadoop.fs.Path(config.dataFolder()), HADOOP);
  }

  /** The environment of one rank that is not notified of anything. */
  static TrainingContext context(ExampleStageConfig config, Backend backend) {
    return context(config, backend, new SingleProcess(), event -> {}, new StopSignal());
  }

  private static TrainingContext context(
      ExampleStageConfig config,
      Backend backend,
      Collective collective,
      TrainingListener listener,
      StopSignal stop) {
    return new TrainingContext(
        backend,
        collective,
        RunDirectory.of(config, HADOOP),
        listener,
        new RankListener() {},
        stop);
  }

  /** Runs to the end, or to the end of a step. */
  static TrainingOutcome trainUntil(ExampleStageConfig config, long steps) {
    return train(config, new SingleProcess(), steps);
  }

  static TrainingOutcome train(ExampleStageConfig config) {
    return trainUntil(config, Long.MAX_VALUE);
  }

  private static TrainingOutcome train(
      ExampleStageConfig config, Collective collective, long steps) {
    StopSignal stop = new StopSignal();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.StepLogged logged && logged.step() >= steps) {
            stop.request();
          }
        };
    try (Backend backend = new ReferenceBackend();
        TrainingRun run =
            Stages.open(
                config,
                new org.apache.hadoop.fs.Path(config.dataFolder()),
                HADOOP,
                context(config, backend, collective, listener, stop))) {
      return run.run();
    }
  }

  /** Runs to the end on ranks that are threads. */
  static void trainOnRanks(ExampleStageConfig config, int ranks)
      throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<TrainingOutcome>> outcomes = new ArrayList<>();
      for (Collective rank : ThreadCollective.world(ranks)) {
        outcomes.add(threads.submit(() -> train(config, rank, Long.MAX_VALUE)));
      }
      for (Future<TrainingOutcome> outcome : outcomes) {
        outcome.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  /** {@code metrics.jsonl} without what differs from one run to the next: times and memory. */
  static List<JsonNode> metrics(ExampleStageConfig config) {
    List<JsonNode> rows =
        StepRows.parse(
            RunDirectory.of(config, HADOOP).read(RunDirectory.METRICS).orElseThrow(),
            RunDirectory.METRICS);
    rows.forEach(row -> ((ObjectNode) row).remove(NOT_REPEATED));
    return rows;
  }

  /** A number of all rows of {@code metrics.jsonl} that have it. */
  static List<Double> metric(ExampleStageConfig config, String key) {
    return metrics(config).stream()
        .filter(row -> row.has(key))
        .map(row -> row.get(key).asDouble())
        .toList();
  }

  static Path run(ExampleStageConfig config) {
    return Path.of(config.runsFolder(), config.name());
  }

  static Path checkpoint(ExampleStageConfig config, long step) {
    return run(config).resolve("checkpoints").resolve("step-%08d".formatted(step));
  }

  static byte[] file(ExampleStageConfig config, long step, String name) throws IOException {
    return Files.readAllBytes(checkpoint(config, step).resolve(name));
  }

  /** The language model of a checkpoint or other directory, adapters merged. */
  static LanguageModel read(Path directory, Backend backend) throws IOException {
    return ModelDirectory.read(FailingFileSystem.local(), hadoop(directory), backend, notice -> {});
  }

  /** All weights of a checkpoint's language model. */
  static float[] weights(ExampleStageConfig config, long step) throws IOException {
    try (Backend backend = new ReferenceBackend();
        LanguageModel model = read(checkpoint(config, step), backend)) {
      return weights(model.parameters());
    }
  }

  /** All weights, one parameter after the other. */
  static float[] weights(ParameterSet parameters) {
    float[] all = new float[Math.toIntExact(parameters.count())];
    int at = 0;
    for (Parameter parameter : parameters.parameters()) {
      float[] values = new float[Math.toIntExact(parameter.size())];
      parameters.backend().download(parameters.weights().view(parameter), values, 0);
      System.arraycopy(values, 0, all, at, values.length);
      at += values.length;
    }
    return all;
  }

  /** Overwrites all weights. */
  static void setWeights(ParameterSet parameters, float[] all) {
    int at = 0;
    for (Parameter parameter : parameters.parameters()) {
      int size = Math.toIntExact(parameter.size());
      float[] values = Arrays.copyOfRange(all, at, at + size);
      parameters.backend().upload(values, 0, parameters.weights().view(parameter));
      at += size;
    }
  }
}

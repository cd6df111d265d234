package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Runs of a model small enough for tests, as a user starts them, and what is left of them. */
final class TinyTraining {
  static final Duration LIMIT = Duration.ofMinutes(4);

  private final Path folder;
  private final List<Process> processes = new ArrayList<>();

  private TinyTraining(Path folder) {
    this.folder = folder;
  }

  /** Writes text and configuration into a folder. */
  static TinyTraining in(Path folder, int steps) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 3000; i++) {
      text.append("line %d says %d and then %d\n".formatted(i, i * i % 97, i * 7919 % 1009));
    }
    Files.writeString(folder.resolve("text.txt"), text);
    Files.writeString(
        folder.resolve("tiny.yaml"),
        """
        seed: 11
        data: {source: %s, path: %s, document_unit: line}
        tokenizer: {vocabulary_size: 300}
        model:
          layers: 2
          width: 32
          heads: 4
          kv_heads: 2
          feed_forward_width: 64
          context_length: 32
          dropout: 0.1
        training: {steps: %d, micro_batch_size: 4, global_batch_size: 16}
        schedule: {warmup_steps: 10}
        evaluation: {every: 20, batches: 4}
        checkpoint: {every: 5}
        sample: {prompt: "line", max_tokens: 20}
        runs_folder: %s
        """
            .formatted(
                folder.resolve("text.txt"), folder.resolve("data"), steps, folder.resolve("runs")));
    return new TinyTraining(folder);
  }

  void endProcesses() {
    processes.forEach(Process::destroyForcibly);
  }

  record Ended(int exitCode, String out, String err) {}

  Ended run(String name, String... overrides) throws Exception {
    return await(name, start(name, overrides));
  }

  /** Runs a command by its arguments. */
  Ended run(String name, List<String> arguments) throws Exception {
    return await(name, start(name, Map.of(), arguments));
  }

  Process start(String name, String... overrides) throws IOException {
    return start(name, Map.of(), overrides);
  }

  /** With variables of the environment besides those of this process. */
  Process start(String name, Map<String, String> environment, String... overrides)
      throws IOException {
    return start(name, environment, arguments(name, overrides));
  }

  /** Starts a command by its arguments. */
  Process start(String name, Map<String, String> environment, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + SparkCluster.built("firesteel.jvm.options"));
    command.addAll(List.of("-Xmx768m", "-XX:+UseG1GC"));
    command.add("-Dlog4j2.configurationFile=firesteel-log4j2.properties");
    command.add("-cp");
    command.add(
        SparkCluster.built("firesteel.job.jar")
            + File.pathSeparator
            + SparkCluster.built("firesteel.spark.home").resolve("jars/*"));
    command.add(Firesteel.class.getName());
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(folder.resolve(name + ".out").toFile())
            .redirectError(folder.resolve(name + ".err").toFile());
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.environment().putAll(environment);
    Process process = builder.start();
    processes.add(process);
    return process;
  }

  List<String> arguments(String name, String... overrides) {
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("pretrain", "--config", folder.resolve("tiny.yaml").toString()));
    arguments.add("name=" + name);
    arguments.addAll(List.of(overrides));
    return arguments;
  }

  /** The arguments of a PPO run that starts from another run's model. */
  List<String> ppo(String name, String from, int steps, String... overrides) throws IOException {
    Path prompts = folder.resolve("prompts.jsonl");
    if (!Files.exists(prompts)) { // A file that is written again counts as changed.
      Files.write(
          prompts,
          IntStream.range(0, 12).mapToObj("{\"prompt\":\"line %d says\"}"::formatted).toList());
    }
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("ppo", "name=" + name, "runs_folder=" + folder.resolve("runs")));
    arguments.add("model.from=" + folder.resolve("runs").resolve(from));
    arguments.addAll(List.of("data.source=" + prompts, "data.path=" + folder.resolve("prompts")));
    arguments.addAll(List.of("data.validation_fraction=0", "model.dropout=0"));
    arguments.add("rewards.functions=[\"count('1') - 0.1 * length\"]");
    arguments.addAll(List.of("rollouts.prompts=8", "rollouts.max_tokens=8", "kl.target=0.1"));
    arguments.addAll(List.of("training.micro_batch_size=2", "training.global_batch_size=8"));
    arguments.addAll(List.of("training.steps=" + steps, "checkpoint.every=2"));
    arguments.addAll(List.of("logging.every=1", "evaluation.every=0", "sample.every=0"));
    arguments.addAll(List.of(overrides));
    return arguments;
  }

  Ended await(String name, Process process) throws Exception {
    if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(name + " ran past " + LIMIT + ": " + text(name + ".out"));
    }
    // Java's own line about the incubator module comes before any code of ours.
    List<String> err =
        text(name + ".err").lines().filter(line -> !line.contains("incubator modules")).toList();
    return new Ended(process.exitValue(), text(name + ".out"), String.join("\n", err));
  }

  /** What was written to a file of this folder so far. */
  String text(String file) {
    try {
      return Files.readString(folder.resolve(file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "no " + file + ": " + e.getMessage();
    }
  }

  void awaitCheckpoints(String name, Process process) throws Exception {
    Instant limit = Instant.now().plus(LIMIT);
    // The second one: the first is complete then, whatever becomes of the second.
    while (lastStep(name) < 10) {
      assertThat(process.isAlive()).as(() -> "still training: " + text(name + ".err")).isTrue();
      assertThat(Instant.now()).isBefore(limit);
      Thread.sleep(5);
    }
  }

  Path checkpoints(String name) {
    return folder.resolve("runs").resolve(name).resolve("checkpoints");
  }

  /** Step of the last committed checkpoint; -1 where there is none. */
  long lastStep(String name) throws IOException {
    return lastCheckpoint(name)
        .map(last -> Long.parseLong(last.getFileName().toString().substring(5, 13)))
        .orElse(-1L);
  }

  /** The last committed checkpoint, {@code step-00000010} or {@code step-00000010-a2}. */
  private Optional<Path> lastCheckpoint(String name) throws IOException {
    return committed(name).stream().max(Comparator.comparing(Path::getFileName));
  }

  private List<Path> committed(String name) throws IOException {
    if (!Files.isDirectory(checkpoints(name))) {
      return List.of();
    }
    try (Stream<Path> all = Files.list(checkpoints(name))) {
      return all.filter(each -> Files.exists(each.resolve("MANIFEST.json"))).toList();
    }
  }

  /** SHA-256 of the weights of every committed checkpoint, by step. */
  Map<String, String> weights(String name) throws Exception {
    Map<String, String> weights = new TreeMap<>();
    for (Path checkpoint : committed(name)) {
      String step = checkpoint.getFileName().toString().substring(0, 13);
      assertThat(weights.put(step, sha256(checkpoint.resolve("model.safetensors"))))
          .as("a second checkpoint, %s", checkpoint)
          .isNull();
    }
    return weights;
  }

  /** Makes a run that was left when another had not saved for the last time. */
  void copyWithoutLastCheckpoint(String from, String to) throws IOException {
    Path source = folder.resolve("runs").resolve(from);
    Path copy = folder.resolve("runs").resolve(to);
    Path last = lastCheckpoint(from).orElseThrow();
    try (Stream<Path> all = Files.walk(source)) {
      for (Path each : all.filter(each -> !each.startsWith(last)).toList()) {
        Files.copy(each, copy.resolve(source.relativize(each)));
      }
    }
  }

  /** {@link #result} without the optimizer's files, which are as many as there were ranks. */
  Map<String, String> numbers(String name) throws Exception {
    Map<String, String> numbers = result(name);
    numbers.keySet().removeIf(key -> key.startsWith("trainer"));
    return numbers;
  }

  /**
   * SHA-256 of the weights and of the optimizer's moments, by file; and the losses of every step
   * that was logged, which must not depend on the run's history either.
   */
  Map<String, String> result(String name) throws Exception {
    Path last = lastCheckpoint(name).orElseThrow();
    Map<String, String> result = new TreeMap<>();
    try (Stream<Path> files = Files.walk(last)) {
      for (Path file : files.filter(each -> each.toString().endsWith(".safetensors")).toList()) {
        result.put(last.relativize(file).toString(), sha256(file));
      }
    }
    assertThat(result).containsKey("model.safetensors").hasSizeGreaterThan(1);
    for (String line : Files.readAllLines(last.resolve("../../metrics.jsonl"))) {
      JsonNode row = new ObjectMapper().readTree(line);
      result.put("loss of step " + row.get("step"), row.get("loss") + " " + row.get("val_loss"));
    }
    return result;
  }

  private static String sha256(Path file) throws Exception {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
    return HexFormat.of().formatHex(hash);
  }
}

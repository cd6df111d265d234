package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.DpoConfig;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.RewardConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.example.Example;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.TestModels;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.Objective;
import dev.firesteel.train.TrainingContext;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Against TRL, in another process: fine-tuning, preference tuning and reward models have the same
 * loss and the same gradient as its trainers, of the same weights and records. Prints a table. Run
 * with a Python that has torch, transformers, datasets and trl:
 *
 * <pre>{@code
 * ./mvnw -pl core,trainer test -Dtest=TrlAgreementTest \
 *     -Dsurefire.failIfNoSpecifiedTests=false -Dfiresteel.python=python3
 * }</pre>
 */
class TrlAgreementTest {
  private static final String PYTHON = System.getProperty("firesteel.python", "");
  private static final Path PROGRAM = Path.of("src/test/resources/trl/trl_losses.py");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final double LOSS_TOLERANCE = 2e-6;

  /** Of the largest element; in float32, through a difference of weights. */
  private static final double GRADIENT_TOLERANCE = 1e-5;

  /** A prompt, a chosen and a rejected answer, and a margin. */
  private static final String[][] RECORDS = {
    {"12+34=", "46", "36, sir", "0.5"},
    {"what is it? ", "a goat", "two", "0"},
    {"hi", "hello, you!", "no", "0.25"},
    {"a longer prompt: ", "yes", "it is not so", "1"},
    {"x", "y", "zz", "0"},
  };

  @TempDir private Path folder;

  private final ArrayNode cases = JSON.createArrayNode();

  /** Makes a stage on opened examples. */
  private interface Maker<C> {
    Objective make(C config, ExampleData data, TrainingContext context);
  }

  @Test
  void lossesAndGradientsAreThoseOfTrl() throws IOException, InterruptedException {
    assumeTrue(
        !PYTHON.isEmpty(),
        "comparing with TRL needs a Python that has torch, transformers, datasets and trl, as -Dfiresteel.python=python3");
    if (run("-c", "import torch, transformers, datasets, trl").exit() != 0) {
      abort(PYTHON + " has no torch, transformers, datasets or trl: install them");
    }
    for (Map.Entry<String, ModelConfig> one : models().entrySet()) {
      TinyStage.writeModel(folder.resolve("base"), one.getValue(), 5);
      fineTuning(one.getKey());
      preferences(one.getKey());
      labels(one.getKey());
      rewards(one.getKey());
    }
    ObjectNode all = JSON.createObjectNode();
    all.set("records", records());
    all.set("cases", cases);
    Files.writeString(folder.resolve("cases.json"), all.toPrettyString());

    Output output = run(PROGRAM.toString(), folder.toString());
    assertThat(output.exit()).as(output.text()).isZero();
    List<JsonNode> results = new ArrayList<>();
    for (String line : output.text().lines().filter(text -> text.startsWith("{")).toList()) {
      results.add(JSON.readTree(line));
    }
    print(output.text().lines().reduce("", (first, last) -> last), results);
    assertThat(results).hasSize(cases.size());
    assertThat(results)
        .as("reference points of kto, which are not below 0")
        .anyMatch(result -> result.path("kl").asDouble() > 0.1);
    for (JsonNode result : results) {
      String name = result.path("name").asText();
      double loss = result.path("loss").asDouble();
      assertThat(result.path("ours").asDouble())
          .as("loss of %s", name)
          .isCloseTo(loss, within(LOSS_TOLERANCE * Math.max(1, loss)));
      double largest = result.path("largest").asDouble();
      assertThat(largest).as("largest gradient of %s", name).isGreaterThan(1e-3);
      assertThat(result.path("difference").asDouble())
          .as("gradient of %s", name)
          .isLessThan(GRADIENT_TOLERANCE * Math.max(1, largest));
    }
  }

  private static Map<String, ModelConfig> models() {
    int vocabulary = TinyStage.TOKENIZER.vocabularySize();
    Map<String, ModelConfig> models = new TreeMap<>();
    models.put("llama", TinyStage.llama());
    models.put(
        "gpt2",
        TestModels.withInitStd(TestModels.gpt2(2, 16, 2, TinyStage.CONTEXT, vocabulary), 0.25));
    return models;
  }

  private void fineTuning(String model) throws IOException {
    TinyStage.writeExamples(
        folder, examples(record -> TinyStage.answers(record[0], record[1])), List.of());
    for (String packing : List.of("none", "best_fit")) {
      boolean packed = packing.equals("best_fit");
      SftConfig config =
          config(
              SftConfig.class,
              "batching.packing=" + packing,
              "training.sequence_length=32",
              "training.micro_batch_size=1",
              "training.global_batch_size=" + (packed ? 2 : RECORDS.length));
      ObjectNode options = JSON.createObjectNode();
      assertThat(FineTuning.rows(config, TinyStage.data(config).train()))
          .isEqualTo(config.training().globalBatchSize());
      options.put("completion_only_loss", true).put("packing", packed).put("max_length", 33);
      add(
          "sft",
          model + " sft, " + (packed ? "packed" : "padded"),
          "completions",
          options,
          config,
          FineTuning::new);
    }
  }

  private void preferences(String model) throws IOException {
    TinyStage.writeExamples(
        folder, examples(record -> TinyStage.answers(record[0], record[1], record[2])), List.of());
    preference(model, "sigmoid", "preferences", "{loss_type: [sigmoid]}");
    preference(model, "hinge", "preferences", "{loss_type: [hinge]}", "preference.loss=hinge");
    preference(
        model,
        "ipo (length-normalized, as there)",
        "preferences",
        "{loss_type: [ipo]}",
        "preference.loss=ipo",
        "preference.length_normalized=true");
    preference(
        model,
        "sigmoid_norm",
        "preferences",
        "{loss_type: [sigmoid_norm]}",
        "preference.length_normalized=true");
    preference(
        model,
        "sigmoid + 0.7 sft",
        "preferences",
        "{loss_type: [sigmoid, sft], loss_weights: [1.0, 0.7]}",
        "preference.sft_coefficient=0.7");
    // Of one pair, TRL's "aot" is conservative DPO: its sigmoid takes no smoothing any more.
    TinyStage.writeExamples(
        folder, List.of(TinyStage.answers(RECORDS[0][0], RECORDS[0][1], RECORDS[0][2])), List.of());
    preference(
        model,
        "conservative, smoothing 0.2",
        "pair",
        "{loss_type: [aot], label_smoothing: 0.2}",
        "preference.label_smoothing=0.2",
        "training.global_batch_size=1");
  }

  private void preference(
      String model, String name, String records, String options, String... overrides)
      throws IOException {
    DpoConfig config =
        config(
            DpoConfig.class,
            Stream.concat(
                    Stream.of(
                        "preference.beta=0.3",
                        "training.micro_batch_size=1",
                        "training.global_batch_size=" + RECORDS.length),
                    Arrays.stream(overrides))
                .toArray(String[]::new));
    ObjectNode all = (ObjectNode) yaml(options);
    all.put("beta", 0.3).put("disable_dropout", true);
    add("dpo", model + " dpo, " + name, records, all, config, PreferenceTuning::new);
  }

  /**
   * TRL's mismatched answer is that of the record before, ours that of the next one: it gets the
   * records from the last to the first.
   */
  private void labels(String model) throws IOException {
    TinyStage.writeExamples(
        folder,
        examples(record -> TinyStage.labelled(record[0], record[1], isGood(record))),
        List.of());
    DpoConfig config =
        config(
            DpoConfig.class,
            "preference.loss=kto",
            "preference.beta=0.3",
            "preference.desirable_weight=1.3",
            "preference.undesirable_weight=0.8",
            "training.micro_batch_size=1",
            "training.global_batch_size=" + RECORDS.length);
    ObjectNode options = JSON.createObjectNode();
    options.put("beta", 0.3).put("desirable_weight", 1.3).put("undesirable_weight", 0.8);
    options.put("train_sampling_strategy", "sequential").put("disable_dropout", true);
    add("kto", model + " kto", "labels", options, config, PreferenceTuning::new);
  }

  private static boolean isGood(String... record) {
    return record[0].length() != 2;
  }

  private void rewards(String model) throws IOException {
    TinyStage.writeExamples(
        folder,
        examples(
            record ->
                new Example(
                    TinyStage.answers(record[0], record[1], record[2]).documents(),
                    JsonNodeFactory.instance
                        .objectNode()
                        .put("margin", Double.parseDouble(record[3])))),
        List.of());
    for (double centering : new double[] {0, 0.02}) {
      RewardConfig config =
          config(
              RewardConfig.class,
              "reward.centering=" + centering,
              "training.micro_batch_size=1",
              "training.global_batch_size=" + RECORDS.length);
      ObjectNode options = JSON.createObjectNode();
      if (centering > 0) {
        options.put("center_rewards_coefficient", centering);
      }
      String name = model + " reward with margins" + (centering > 0 ? ", centered" : "");
      add("reward", name, "margins", options, config, RewardModeling::new);
    }
  }

  /** Does our step, and writes what TRL needs to do the same. */
  private <C extends ExampleStageConfig> void add(
      String kind, String name, String records, ObjectNode options, C config, Maker<C> maker)
      throws IOException {
    Path reference = folder.resolve("case-" + cases.size()).resolve("reference");
    Path policy = reference.resolveSibling("policy");
    Path after = reference.resolveSibling("after");
    try (Backend backend = new ReferenceBackend();
        Objective stage =
            maker.make(config, TinyStage.data(config), TinyStage.context(config, backend))) {
      stage.initialize();
      LanguageModel model = stage.models().get(0).model();
      TinyStage.writeModel(reference, model);
      StepProbe.of(stage).move(0.05, 3);
      TinyStage.writeModel(policy, model);
      Objective.Step step = stage.step(0);
      TinyStage.writeModel(after, model);
      cases
          .addObject()
          .put("kind", kind)
          .put("name", name)
          .put("records", records)
          .put("reference", reference.toString())
          .put("policy", policy.toString())
          .put("after", after.toString())
          .put("loss", step.measures().get(Metrics.LOSS).orElseThrow())
          .set("options", options);
    }
  }

  private <C extends Record & ExampleStageConfig> C config(Class<C> root, String... overrides) {
    return TinyStage.config(
        root,
        folder,
        Stream.concat(Arrays.stream(StepProbe.PLAIN_STEPS.split(" ")), Arrays.stream(overrides))
            .toArray(String[]::new));
  }

  private interface ExampleOf {
    Example of(String... record);
  }

  private static List<Example> examples(ExampleOf one) {
    return Arrays.stream(RECORDS).map(one::of).toList();
  }

  private static ObjectNode records() {
    ObjectNode records = JSON.createObjectNode();
    ArrayNode completions = records.putArray("completions");
    ArrayNode preferences = records.putArray("preferences");
    ArrayNode margins = records.putArray("margins");
    for (String[] record : RECORDS) {
      completions.addObject().put("prompt", record[0]).put("completion", record[1]);
      ObjectNode pair =
          preferences
              .addObject()
              .put("prompt", record[0])
              .put("chosen", record[1])
              .put("rejected", record[2]);
      margins.add(pair.deepCopy().put("margin", Double.parseDouble(record[3])));
    }
    ArrayNode labels = records.putArray("labels");
    for (String[] record : RECORDS) {
      labels
          .insertObject(0)
          .put("prompt", record[0])
          .put("completion", record[1])
          .put("label", isGood(record));
    }
    records.putArray("pair").add(preferences.get(0).deepCopy());
    return records;
  }

  private static JsonNode yaml(String text) throws IOException {
    return new YAMLMapper().readTree(text);
  }

  private static void print(String versions, List<JsonNode> results) {
    PrintStream out = System.out;
    out.println(versions);
    out.println(
        "\n| case | batch there | TRL's loss | difference of ours | largest element of its gradient | largest difference of an element |");
    out.println("|---|---|---|---|---|---|");
    for (JsonNode one : results) {
      double loss = one.path("loss").asDouble();
      out.println(
          String.format(
              Locale.ROOT,
              "| %s | %d x %d | %.6f | %.1e | %.2e | %.1e |",
              one.path("name").asText(),
              one.path("rows").asInt(),
              one.path("columns").asInt(),
              loss,
              Math.abs(loss - one.path("ours").asDouble()),
              one.path("largest").asDouble(),
              one.path("difference").asDouble()));
    }
  }

  private record Output(int exit, String text) {}

  private static Output run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(PYTHON));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Output(process.waitFor(), text);
  }
}

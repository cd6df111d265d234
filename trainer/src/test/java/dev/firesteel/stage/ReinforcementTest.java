package dev.firesteel.stage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.reward.RewardFunction;
import dev.firesteel.reward.ScoredText;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The stages ppo and grpo, as whole runs of tiny models. */
class ReinforcementTest {
  /** Counts letters, and prefers an end. */
  private static final String EXPRESSION = "count('a') - 0.1 * length + ended + 0.01 * wish";

  private static final List<String> ALL =
      List.of(
          "model.safetensors",
          "trainer/optimizer-00001-of-00001.safetensors",
          "trainer/state.json");

  private static final List<String> WITH_VALUES =
      List.of(
          "model.safetensors",
          "trainer/optimizer-00001-of-00001.safetensors",
          "trainer/state.json",
          "models/value/model.safetensors",
          "models/value/firesteel/parameters.safetensors",
          "trainer/value/optimizer-00001-of-00001.safetensors");

  @TempDir Path folder;

  @BeforeEach
  void prepare() {
    AlignmentRun.writeModel(
        folder.resolve("model"), AlignmentRun.modelConfig(), AlignmentRun.LETTERS, 5);
    prepare(AlignmentRun.prompts(10));
  }

  private void prepare(List<Example> train) {
    AlignmentRun.writeExamples(
        folder.resolve("data"),
        ExampleKind.PROMPT,
        AlignmentRun.LETTERS,
        train,
        AlignmentRun.prompts(3));
  }

  private String[] settings(String... more) {
    return Stream.concat(
            Stream.of(
                "model.from=" + folder.resolve("model"),
                "compute.backend=reference",
                "rewards.functions=[\"" + EXPRESSION + "\"]",
                "rollouts.prompts=8",
                "rollouts.max_tokens=9",
                "training.steps=3",
                "training.micro_batch_size=2",
                "training.global_batch_size=4",
                "update.epochs=2",
                "optimizer.learning_rate=0.003",
                "evaluation.every=2",
                "sample.every=0",
                "checkpoint.every=1",
                "checkpoint.keep_last=100"),
            Arrays.stream(more))
        .toArray(String[]::new);
  }

  private PpoConfig ppo(String... more) {
    return AlignmentRun.config(PpoConfig.class, folder, settings(more));
  }

  private GrpoConfig grpo(String... more) {
    String[] group = settings("rollouts.prompts=4", "rollouts.group_size=2");
    return AlignmentRun.config(
        GrpoConfig.class,
        folder,
        Stream.concat(Arrays.stream(group), Arrays.stream(more)).toArray(String[]::new));
  }

  private static double number(JsonNode row, String key) {
    assertThat(row.has(key)).as("%s in %s", key, row).isTrue();
    return row.path(key).asDouble();
  }

  // --- the policy that samples is the policy that is trained ---

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rollouts.temperature=1.0",
        "rollouts.temperature=0.7",
        "lora.rank=2",
        "compute.backend=cpu",
        "training.micro_batch_size=4",
        "rollouts.batch=3"
      })
  void ratioOfEachStepsFirstMinibatchIsExactlyOne(String setting) {
    PpoConfig config =
        ppo("training.global_batch_size=8", "update.epochs=1", "training.steps=4", setting);
    AlignmentRun.train(config);
    List<JsonNode> rows = AlignmentRun.steps(config);
    assertThat(rows).hasSize(4);
    for (JsonNode row : rows) {
      assertThat(number(row, "val_ratio_min")).isEqualTo(1);
      assertThat(number(row, "val_ratio_max")).isEqualTo(1);
      assertThat(number(row, "policy_approxkl_avg")).isZero();
      assertThat(number(row, "grad_norm")).isPositive();
    }
    // The policy begins as the reference; adapters of 0 may change a last bit.
    assertThat(number(rows.get(0), "objective_kl")).isCloseTo(0, within(1e-6));
    assertThat(number(rows.get(3), "objective_kl")).isNotZero();
  }

  // --- what is logged does not depend on how the work is divided ---

  @ParameterizedTest
  @CsvSource({"ppo, 2", "ppo, 4", "grpo, 2", "grpo, 4"})
  void ranksChangeNoBit(String stage, int ranks) throws IOException {
    String[] all = {"training.micro_batch_size=1", "update.entropy_coefficient=0.01"};
    ExampleStageConfig one = config(stage, "one", all);
    ExampleStageConfig more = config(stage, "more", all);
    AlignmentRun.train(one);
    AlignmentRun.train(more, ranks, Long.MAX_VALUE, event -> {});
    assertThat(AlignmentRun.metrics(more)).isEqualTo(AlignmentRun.metrics(one));
    assertThat(AlignmentRun.file(more, 3, "model.safetensors"))
        .isEqualTo(AlignmentRun.file(one, 3, "model.safetensors"));
    if (stage.equals("ppo")) {
      assertThat(AlignmentRun.file(more, 3, "models/value/model.safetensors"))
          .isEqualTo(AlignmentRun.file(one, 3, "models/value/model.safetensors"));
    }
  }

  private ExampleStageConfig config(String stage, String name, String... more) {
    String[] all =
        Stream.concat(Stream.of("name=" + name), Arrays.stream(more)).toArray(String[]::new);
    return stage.equals("ppo") ? ppo(all) : grpo(all);
  }

  /** Completions have 1 to 9 tokens, so that means of means would differ. */
  @ParameterizedTest
  @CsvSource({
    "ppo, kl.coefficient=0.1",
    "ppo, kl.place=loss",
    "grpo, kl.coefficient=0.1",
    "grpo, grpo.estimator=dr_grpo",
    "grpo, grpo.estimator=rloo",
    "grpo, grpo.skip_equal_groups=true"
  })
  void microBatchesChangeNoNumber(String stage, String setting) {
    Map<Integer, List<JsonNode>> rows = new TreeMap<>();
    for (int size : new int[] {1, 2, 4}) {
      ExampleStageConfig config =
          config(
              stage,
              "size" + size,
              "training.micro_batch_size=" + size,
              "update.entropy_coefficient=0.01",
              "training.steps=2",
              setting);
      AlignmentRun.train(config);
      rows.put(size, AlignmentRun.metrics(config));
    }
    assertThat(number(rows.get(1).get(1), "completions_max_length"))
        .isGreaterThan(number(rows.get(1).get(1), "completions_min_length"));
    for (int size : new int[] {2, 4}) {
      assertThat(rows.get(size)).hasSameSizeAs(rows.get(1));
      for (int i = 0; i < rows.get(1).size(); i++) {
        String where = "step row %d in micro-batches of %d".formatted(i, size);
        JsonNode expected = rows.get(1).get(i);
        JsonNode actual = rows.get(size).get(i);
        expected
            .properties()
            .forEach(
                entry ->
                    assertThat(number(actual, entry.getKey()))
                        .as("%s of %s", entry.getKey(), where)
                        .isCloseTo(
                            entry.getValue().asDouble(),
                            within(1e-6 + 1e-4 * Math.abs(entry.getValue().asDouble()))));
      }
    }
  }

  // --- resume ---

  @ParameterizedTest
  @CsvSource({"ppo, 1", "ppo, 2", "ppo, 4", "grpo, 3"})
  void resumesToTheBitInAnyPassOverThePrompts(String stage, int stop) throws IOException {
    String[] all = {
      "training.steps=5",
      "kl.target=0.01",
      "kl.horizon=20",
      "kl.coefficient=0.1",
      "rewards.running_scale=true",
      "optimizer.weight_decay=0.01",
      "checkpoint.every=2"
    };
    ExampleStageConfig whole = config(stage, "whole", all);
    ExampleStageConfig parts = config(stage, "parts", all);
    assertThat(AlignmentRun.train(whole)).isEqualTo(TrainingOutcome.COMPLETED);
    assertThat(AlignmentRun.train(parts, 1, stop, event -> {}))
        .isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(AlignmentRun.train(parts)).isEqualTo(TrainingOutcome.COMPLETED);

    assertThat(AlignmentRun.metrics(parts)).isEqualTo(AlignmentRun.metrics(whole));
    for (String file : stage.equals("ppo") ? WITH_VALUES : ALL) {
      if (file.endsWith("state.json")) {
        String state = new String(AlignmentRun.file(parts, 5, file), UTF_8);
        assertThat(state).contains("\"kl_coefficient\"", "\"scores_seen\"", "\"next_prompt\"");
        assertThat(cursor(state))
            .isEqualTo(cursor(new String(AlignmentRun.file(whole, 5, file), UTF_8)));
      } else {
        assertThat(AlignmentRun.file(parts, 5, file))
            .as(file)
            .isEqualTo(AlignmentRun.file(whole, 5, file));
      }
    }
    List<JsonNode> rows = AlignmentRun.steps(whole);
    assertThat(number(rows.get(4), "kl_coef")).isNotEqualTo(number(rows.get(1), "kl_coef"));
  }

  private static JsonNode cursor(String state) throws IOException {
    return new ObjectMapper().readTree(state).path("cursor");
  }

  @Test
  void refusesAnotherReferenceAtResume() {
    PpoConfig config = ppo();
    AlignmentRun.train(config, 1, 1, event -> {});
    AlignmentRun.writeModel(
        folder.resolve("model"), AlignmentRun.modelConfig(), AlignmentRun.LETTERS, 6);
    assertThatThrownBy(() -> AlignmentRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model.from must be the model that the run began with");
  }

  @Test
  void refusesAnotherRewardModelAtResume() {
    AlignmentRun.writeRewardModel(folder.resolve("judge"), 3);
    PpoConfig config = ppo("rewards.functions=model", "rewards.model=" + folder.resolve("judge"));
    AlignmentRun.train(config, 1, 1, event -> {});
    AlignmentRun.writeRewardModel(folder.resolve("judge"), 4);
    assertThatThrownBy(() -> AlignmentRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("rewards.model must be the model that the run began with");
  }

  @Test
  void scoresWithARewardModelFromWhichTheValuesStart() {
    AlignmentRun.writeRewardModel(folder.resolve("judge"), 3);
    PpoConfig config =
        ppo(
            "rewards.functions=[\"0.5 * model\", \"ended\"]",
            "rewards.model=" + folder.resolve("judge"),
            "rewards.gold=length",
            "ppo.value_start=reward",
            "training.steps=2");
    AlignmentRun.train(config);
    JsonNode row = AlignmentRun.steps(config).get(0);
    assertThat(number(row, "reward"))
        .isCloseTo(
            0.5 * number(row, "rewards_model_mean") + number(row, "rewards_expression_mean"),
            within(1e-6));
    assertThat(number(row, "gold")).isEqualTo(number(row, "completions_mean_length"));
    assertThat(number(AlignmentRun.metrics(config).get(0), "val_gold")).isPositive();
  }

  // --- rewards ---

  /** Fails on completions that begin with a letter; all others have the score 0. */
  public static final class Fragile implements RewardFunction {
    public Fragile() {}

    @Override
    public List<Double> score(List<ScoredText> completions) {
      List<Double> scores = new ArrayList<>();
      for (ScoredText one : completions) {
        if (one.completion().startsWith("b")) {
          throw new IllegalStateException("b is not allowed");
        }
        scores.add(0.0);
      }
      return scores;
    }
  }

  @Test
  void failingRewardStopsTheRun() {
    PpoConfig config = ppo("rewards.functions=" + Fragile.class.getName());
    assertThatThrownBy(() -> AlignmentRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("failed on a completion of prompt ")
        .hasMessageContaining("b is not allowed");
  }

  @Test
  void failingRewardIsCountedIfConfiguredAndZeroIsAScore() {
    PpoConfig config =
        ppo(
            "rewards.functions=" + Fragile.class.getName(),
            "rewards.on_failure=count",
            "rewards.failure_score=-2",
            "training.steps=2");
    AlignmentRun.train(config);
    for (JsonNode row : AlignmentRun.steps(config)) {
      double failures = number(row, "reward_failures");
      assertThat(number(row, "reward")).isCloseTo(-2 * failures / 8, within(1e-9));
    }
    assertThat(
            AlignmentRun.steps(config).stream()
                .mapToDouble(row -> number(row, "reward_failures"))
                .sum())
        .isBetween(1.0, 15.0);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "rewards.functions=com.example.Missing | com.example.Missing",
        "rewards.functions=lenght + 1 | lenght",
        "rewards.functions=[length +] | length +",
        "rewards.functions=model | rewards.model must name the reward model",
        "rewards.gold=model | rewards.gold must be a class or an expression",
        "ppo.value_start=reward | ppo.value_start=reward needs a reward model",
        "model.dropout=0.1 | needs a policy without dropout",
        "lora={rank: 2, dropout: 0.1} | needs a policy without dropout",
      })
  void refusesBeforeTheFirstStep(String setting, String message) {
    assertThatThrownBy(() -> AlignmentRun.train(ppo(setting, "name=refused")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
    assertThat(folder.resolve("runs/refused/metrics.jsonl")).doesNotExist();
  }

  @Test
  void refusesAGroupOfOne() {
    assertThatThrownBy(() -> grpo("rollouts.prompts=8", "rollouts.group_size=1"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("rollouts.group_size must be at least 2 with grpo.estimator=grpo");
    assertThat(
            grpo("rollouts.prompts=8", "rollouts.group_size=1", "grpo.estimator=reinforce_pp")
                .rollouts()
                .groupSize())
        .isEqualTo(1);
  }

  @Test
  void refusesAPromptThatFillsTheContext() {
    prepare(List.of(AlignmentRun.prompt("abcdefghabcdefghabcdefgh")));
    assertThatThrownBy(() -> AlignmentRun.train(ppo()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have 1 to 23 tokens");
  }

  @Test
  void refusesPromptsThatRanksCannotShare() {
    assertThatThrownBy(() -> AlignmentRun.train(ppo("rollouts.prompts=4"), 8, 1, event -> {}))
        .isInstanceOf(UserException.class);
  }

  // --- groups ---

  @ParameterizedTest
  @CsvSource({
    "grpo, false",
    "grpo, true",
    "dr_grpo, true",
    "rloo, false",
    "reinforce_pp_baseline, false"
  })
  void equalRewardsTeachNothing(String estimator, boolean skip) throws IOException {
    GrpoConfig config =
        grpo(
            "rewards.functions=2 + 0 * length",
            "grpo.estimator=" + estimator,
            "grpo.skip_equal_groups=" + skip,
            "training.steps=2");
    AlignmentRun.train(config);
    for (JsonNode row : AlignmentRun.steps(config)) {
      assertThat(number(row, "frac_reward_zero_std")).isEqualTo(1);
      assertThat(number(row, "reward_std")).isZero();
      assertThat(number(row, "critic_advantages_max")).isZero();
      assertThat(number(row, "grad_norm")).isZero();
      assertThat(number(row, "loss")).isZero();
    }
    assertThat(AlignmentRun.file(config, 2, "model.safetensors"))
        .isEqualTo(AlignmentRun.file(config, 1, "model.safetensors"));
  }

  /** With a KL penalty in the loss, equal groups move the policy unless they are left out. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void penaltyInTheLossMovesThePolicyOnEqualGroupsUnlessTheyAreSkipped(boolean skip) {
    GrpoConfig config =
        grpo(
            "rewards.functions=[\"if(prompt == 'a', length, 0)\"]",
            "kl.coefficient=1",
            "grpo.skip_equal_groups=" + skip,
            "training.steps=4",
            "update.epochs=1",
            "training.global_batch_size=8",
            "training.micro_batch_size=8");
    AlignmentRun.train(config);
    List<Double> norms = new ArrayList<>();
    for (JsonNode row : AlignmentRun.steps(config)) {
      if (number(row, "frac_reward_zero_std") == 1 && number(row, "objective_kl") != 0) {
        norms.add(number(row, "grad_norm"));
      }
    }
    assertThat(norms).isNotEmpty();
    assertThat(norms).allMatch(norm -> skip ? norm == 0 : norm > 0);
  }

  // --- updates ---

  @Test
  void completionThatIsOnlyTheEndTokenIsAnAction() {
    PpoConfig config =
        ppo(
            "rollouts.prompts=64",
            "training.global_batch_size=64",
            "training.micro_batch_size=8",
            "training.steps=1");
    AlignmentRun.train(config);
    JsonNode row = AlignmentRun.steps(config).get(0);
    assertThat(number(row, "completions_min_length")).isEqualTo(1);
    assertThat(number(row, "val_num_eos_tokens")).isPositive();
    assertThat(number(row, "completions_clipped_ratio")).isBetween(0.0, 1.0);
  }

  @Test
  void maxKlEndsTheUpdatesOfAStep() {
    String[] large = {"optimizer.learning_rate=0.03", "update.epochs=4", "training.steps=2"};
    PpoConfig free =
        ppo(Stream.concat(Stream.of("name=free"), Arrays.stream(large)).toArray(String[]::new));
    PpoConfig bounded =
        ppo(
            Stream.concat(Stream.of("name=bounded", "update.max_kl=0.001"), Arrays.stream(large))
                .toArray(String[]::new));
    AlignmentRun.train(free);
    AlignmentRun.train(bounded);
    // Two of eight updates: of the first minibatch, and of the second, which shows the distance.
    assertThat(updates(bounded, "policy")).isEqualTo(4);
    assertThat(updates(free, "policy")).isEqualTo(16);
  }

  private static long updates(ExampleStageConfig config, String model) {
    try {
      return new ObjectMapper()
          .readTree(AlignmentRun.file(config, config.training().steps(), "trainer/state.json"))
          .path("updates")
          .path(model)
          .asLong(-1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void valuesWarmUpBeforeThePolicyMoves() throws IOException {
    PpoConfig config = ppo("ppo.value_warmup_steps=2");
    AlignmentRun.train(config);
    byte[] start = Files.readAllBytes(folder.resolve("model/model.safetensors"));
    assertThat(AlignmentRun.file(config, 2, "model.safetensors")).isEqualTo(start);
    assertThat(AlignmentRun.file(config, 3, "model.safetensors")).isNotEqualTo(start);
    assertThat(AlignmentRun.file(config, 2, "models/value/model.safetensors"))
        .isNotEqualTo(AlignmentRun.file(config, 1, "models/value/model.safetensors"));
    assertThat(updates(config, "policy")).isEqualTo(4);
    assertThat(updates(config, "value")).isEqualTo(12);
  }

  @Test
  void dualClipBoundsTheLossOfBadTokens() {
    String[] large = {
      "optimizer.learning_rate=0.1", "update.epochs=4", "training.steps=3", "update.clip_high=100"
    };
    PpoConfig config =
        ppo(
            Stream.concat(Stream.of("update.dual_clip=1.01"), Arrays.stream(large))
                .toArray(String[]::new));
    AlignmentRun.train(config);
    assertThat(
            AlignmentRun.steps(config).stream()
                .mapToDouble(row -> number(row, "policy_dual_clipfrac_avg"))
                .max()
                .orElseThrow())
        .isPositive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ppo", "grpo"})
  void runsInBf16(String stage) {
    ExampleStageConfig config;
    try {
      config = config(stage, "bf16", "compute={backend: cpu, precision: bf16}", "training.steps=2");
      AlignmentRun.backend(config).close();
    } catch (UserException e) {
      abort(e.getMessage());
      throw e;
    }
    AlignmentRun.train(config);
    JsonNode row = AlignmentRun.steps(config).get(1);
    assertThat(number(row, "val_ratio")).isCloseTo(1, within(0.2));
    assertThat(number(row, "grad_norm")).isPositive();
  }
}

package dev.firesteel.stage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Groups of completions: which are replaced by those of other prompts, and what is reported. */
class GroupRolloutsTest {
  /** Only prompts of at least 3 letters have completions of different scores. */
  private static final String SOME_EQUAL = "rewards.functions=[\"if(wish > 2, length, 1)\"]";

  @TempDir Path folder;

  @BeforeEach
  void prepare() {
    AlignmentRun.writeModel(
        folder.resolve("model"), AlignmentRun.modelConfig(), AlignmentRun.LETTERS, 5);
    AlignmentRun.writeExamples(
        folder.resolve("data"),
        ExampleKind.PROMPT,
        AlignmentRun.LETTERS,
        AlignmentRun.prompts(11),
        AlignmentRun.prompts(3));
  }

  private GrpoConfig grpo(String... more) {
    return AlignmentRun.config(
        GrpoConfig.class,
        folder,
        Stream.concat(
                Stream.of(
                    "model.from=" + folder.resolve("model"),
                    "compute.backend=reference",
                    SOME_EQUAL,
                    "rollouts.prompts=4",
                    "rollouts.group_size=2",
                    "rollouts.max_tokens=9",
                    "training.steps=4",
                    "training.micro_batch_size=1",
                    "training.global_batch_size=8",
                    "optimizer.learning_rate=0.003",
                    "evaluation.every=0",
                    "sample.every=0",
                    "checkpoint.every=1",
                    "checkpoint.keep_last=100"),
                Arrays.stream(more))
            .toArray(String[]::new));
  }

  private static double number(JsonNode row, String key) {
    assertThat(row.has(key)).as("%s in %s", key, row).isTrue();
    return row.path(key).asDouble();
  }

  private static double sum(GrpoConfig config, String key) {
    return AlignmentRun.steps(config).stream().mapToDouble(row -> number(row, key)).sum();
  }

  private static long nextPrompt(GrpoConfig config) throws IOException {
    String state = new String(AlignmentRun.file(config, 4, "trainer/state.json"), UTF_8);
    return new ObjectMapper().readTree(state).path("cursor").path("next_prompt").asLong(-1);
  }

  // --- resampling ---

  @Test
  void promptsOfEqualScoresAreReplacedByTheNext() throws IOException {
    GrpoConfig plain = grpo("name=plain");
    GrpoConfig resampled = grpo("name=resampled", "grpo.resample_rounds=20");
    AlignmentRun.train(plain);
    AlignmentRun.train(resampled);
    assertThat(AlignmentRun.steps(plain).get(0).has("resampled_prompts")).isFalse();
    assertThat(sum(plain, "frac_reward_zero_std")).isGreaterThan(1);
    assertThat(sum(resampled, "frac_reward_zero_std")).isZero();
    assertThat(nextPrompt(plain)).isEqualTo(4 * 4);
    double replaced = sum(resampled, "resampled_prompts");
    assertThat(replaced).isPositive();
    assertThat(nextPrompt(resampled)).isEqualTo(4 * 4 + (long) replaced);
    JsonNode first = AlignmentRun.steps(resampled).get(0);
    assertThat(number(first, "resampled_prompts"))
        .isGreaterThanOrEqualTo(
            4 * number(AlignmentRun.steps(plain).get(0), "frac_reward_zero_std"));
    assertThat(number(first, "episode")).isEqualTo(8);
    assertThat(sum(resampled, "reward_std")).isGreaterThan(sum(plain, "reward_std"));
  }

  @Test
  void roundsEndWhereNothingHelps() throws IOException {
    GrpoConfig config = grpo("rewards.functions=1 + 0 * length", "grpo.resample_rounds=3");
    AlignmentRun.train(config);
    for (JsonNode row : AlignmentRun.steps(config)) {
      assertThat(number(row, "resampled_prompts")).isEqualTo(3 * 4);
      assertThat(number(row, "frac_reward_zero_std")).isEqualTo(1);
      assertThat(number(row, "grad_norm")).isZero();
    }
    assertThat(nextPrompt(config)).isEqualTo(4 * 4 * 4);
  }

  /** Fewer prompts than ranks are sampled in a round, so that some ranks have none. */
  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void ranksResampleTheSamePrompts(int ranks) throws IOException {
    String[] all = {"grpo.resample_rounds=2", "rewards.gold=length"};
    GrpoConfig one = named("one", all);
    GrpoConfig more = named("more", all);
    AlignmentRun.train(one);
    AlignmentRun.train(more, ranks, Long.MAX_VALUE, event -> {});
    assertThat(sum(one, "resampled_prompts")).isPositive();
    assertThat(AlignmentRun.metrics(more)).isEqualTo(AlignmentRun.metrics(one));
    assertThat(AlignmentRun.file(more, 4, "model.safetensors"))
        .isEqualTo(AlignmentRun.file(one, 4, "model.safetensors"));
  }

  /** 11 prompts: the second pass begins within the steps. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void resumesAfterThePromptsThatWereTaken(int stop) throws IOException {
    GrpoConfig whole = grpo("name=whole", "grpo.resample_rounds=2");
    GrpoConfig parts = grpo("name=parts", "grpo.resample_rounds=2");
    AlignmentRun.train(whole);
    AlignmentRun.train(parts, 1, stop, event -> {});
    AlignmentRun.train(parts);
    assertThat(AlignmentRun.metrics(parts)).isEqualTo(AlignmentRun.metrics(whole));
    assertThat(nextPrompt(parts)).isEqualTo(nextPrompt(whole));
    assertThat(AlignmentRun.file(parts, 4, "model.safetensors"))
        .isEqualTo(AlignmentRun.file(whole, 4, "model.safetensors"));
  }

  @Test
  void refusesToResampleGroupsOfOne() {
    assertThatThrownBy(
            () ->
                grpo(
                    "rollouts.prompts=8",
                    "rollouts.group_size=1",
                    "grpo.estimator=reinforce_pp",
                    "grpo.resample_rounds=1"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("grpo.resample_rounds needs groups of at least 2 completions");
  }

  private GrpoConfig named(String name, String... more) {
    return grpo(
        Stream.concat(Stream.of("name=" + name), Arrays.stream(more)).toArray(String[]::new));
  }

  // --- measures ---

  /** Estimators differ in the mean that their loss is; what is reported is a mean over tokens. */
  @Test
  void measuresAreMeansOverTokensWhicheverMeanTheLossIs() {
    Set<Double> entropies = new HashSet<>();
    Set<Double> losses = new HashSet<>();
    for (String estimator : List.of("grpo", "dr_grpo", "rloo", "reinforce_pp")) {
      GrpoConfig config =
          named(
              estimator,
              "grpo.estimator=" + estimator,
              "rewards.functions=length",
              "kl.coefficient=0.1",
              "training.steps=2");
      AlignmentRun.train(config);
      List<JsonNode> rows = AlignmentRun.steps(config);
      for (JsonNode row : rows) {
        assertThat(number(row, "val_ratio")).as(estimator).isCloseTo(1, within(1e-12));
        assertThat(number(row, "val_ratio_var")).isZero();
      }
      entropies.add(number(rows.get(0), "policy_entropy_avg"));
      losses.add(number(rows.get(0), "grad_norm"));
    }
    assertThat(entropies).hasSize(1);
    assertThat(losses).hasSizeGreaterThan(1);
  }

  @Test
  void minibatchWithoutTokensInItsLossReportsNone() {
    GrpoConfig config = grpo("rewards.functions=1 + 0 * length", "grpo.skip_equal_groups=true");
    AlignmentRun.train(config);
    for (JsonNode row : AlignmentRun.steps(config)) {
      assertThat(number(row, "loss")).isZero();
      for (String key : List.of("val_ratio", "policy_entropy_avg", "policy_approxkl_avg", "kl")) {
        assertThat(row.has(key)).as("%s in %s", key, row).isFalse();
      }
    }
  }
}

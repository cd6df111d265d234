package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.generate.Rollout;
import dev.firesteel.generate.RolloutListener;
import dev.firesteel.generate.RolloutOptions;
import dev.firesteel.generate.Rollouts;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.TestModels;
import dev.firesteel.walks.RandomWalks;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Fine-tuning and PPO together solve a task whose optimum is known: the short form of {@code
 * RandomWalkAlignment} in {@code benchmarks}.
 */
class RandomWalkAlignmentTest {
  private static final int SAMPLES = 50;
  private static final int ITERATIONS = 12;

  @TempDir Path folder;

  @Test
  void fineTuningImitatesAndPpoOptimizes() throws Exception {
    AlignmentRun.writeModel(
        folder.resolve("base"),
        TestModels.gpt2(2, 64, 4, 16, RandomWalks.VOCABULARY),
        RandomWalks.tokenizer(),
        1);
    AlignmentRun.writeExamples(
        folder.resolve("walks"),
        ExampleKind.SFT,
        RandomWalks.tokenizer(),
        RandomWalks.examples(1000, 1000),
        List.of());
    AlignmentRun.writeExamples(
        folder.resolve("data"),
        ExampleKind.PROMPT,
        RandomWalks.tokenizer(),
        RandomWalks.prompts(1),
        RandomWalks.prompts(SAMPLES));

    SftConfig imitation =
        AlignmentRun.config(
            SftConfig.class,
            folder,
            "name=sft",
            "model.from=" + folder.resolve("base"),
            "data.path=" + folder.resolve("walks"),
            "training.steps=400",
            "training.micro_batch_size=100",
            "training.global_batch_size=100",
            "training.sequence_length=10",
            "batching.packing=none",
            "optimizer.learning_rate=0.002",
            "sample.every=0",
            "checkpoint.every=0");
    AlignmentRun.train(imitation);
    PpoConfig optimization =
        AlignmentRun.config(
            PpoConfig.class,
            folder,
            "name=ppo",
            "model.from=" + folder.resolve("runs/sft"),
            "rewards.functions=" + RandomWalks.Reward.class.getName(),
            "rollouts.prompts=128",
            "rollouts.batch=128",
            "rollouts.max_tokens=" + RandomWalks.MAX_COMPLETION,
            "training.steps=" + ITERATIONS,
            "training.micro_batch_size=64",
            "training.global_batch_size=64",
            "training.sequence_length=10",
            "optimizer.learning_rate=3e-4",
            "schedule.kind=constant",
            "evaluation={every: " + ITERATIONS + ", batches: 0}",
            "sample.every=0",
            "checkpoint.every=0");
    AlignmentRun.train(optimization);

    var rows = AlignmentRun.metrics(optimization);
    double before = rows.get(0).path("val_reward").asDouble(Double.NaN);
    double after = rows.get(rows.size() - 1).path("val_reward").asDouble(Double.NaN);
    assertThat(before).isCloseTo(RandomWalks.uniform().reward(), within(0.03));
    assertThat(after).isGreaterThanOrEqualTo(0.9);
    assertThat(greedy(optimization, ITERATIONS)).isGreaterThanOrEqualTo(0.95);
  }

  /** The mean reward of the walks that take the most probable way at each node. */
  private static double greedy(PpoConfig config, long step) throws Exception {
    try (Backend backend = AlignmentRun.backend(config);
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model =
            ModelDirectory.read(
                FileSystem.getLocal(AlignmentRun.HADOOP),
                new org.apache.hadoop.fs.Path(AlignmentRun.checkpoint(config, step).toUri()),
                backend,
                notice -> {})) {
      int end = RandomWalks.tokenizer().endOfText().orElseThrow();
      List<int[]> prompts = new ArrayList<>();
      for (int start : RandomWalks.starts()) {
        prompts.add(RandomWalks.tokens(start));
      }
      return new Rollouts(
              model,
              pool,
              RandomWalks.VOCABULARY,
              new RolloutOptions(RandomWalks.MAX_COMPLETION, 0, Set.of(end), 20, 1))
          .sample(prompts, new long[prompts.size()], RolloutListener.NONE).stream()
              .mapToDouble(RandomWalkAlignmentTest::reward)
              .average()
              .orElseThrow();
    }
  }

  private static double reward(Rollout walk) {
    return RandomWalks.reward(
        RandomWalks.ofTokens(walk.prompt())[0], RandomWalks.ofTokens(walk.completion()));
  }
}

package dev.firesteel.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.backend.opencl.OpenClBackend;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class RunPlanTest {
  private static final MemoryPart NOTHING = new MemoryPart("process", 0, 0);
  private static final int VOCABULARY = 50257;

  private static RunPlan plan(String... overrides) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "data.source=none",
                "model.architecture=gpt2",
                "model.layers=12",
                "model.heads=12",
                "model.width=768",
                "model.context_length=1024",
                "training.micro_batch_size=1",
                "training.global_batch_size=1"));
    all.addAll(List.of(overrides));
    PretrainConfig config = ConfigLoader.load(PretrainConfig.class, all);
    return RunPlan.of(config, VOCABULARY, 2, NOTHING, 0, StageInputs.NONE);
  }

  @Test
  void countsGpt2SmallByPart() {
    RunPlan plan = plan();
    assertThat(plan.parameterCount()).isEqualTo(124_439_808);
    assertThat(plan.parameters())
        .containsExactly(
            new ParameterPart("embedding", 50257 * 768),
            new ParameterPart("positions", 1024 * 768),
            new ParameterPart("attention", 12 * (4 * 768 * 768 + 4 * 768)),
            new ParameterPart("feed-forward", 12 * (8 * 768 * 768 + 5 * 768)),
            new ParameterPart("norms", 25 * 2 * 768));
    assertThat(plan.checkpointBytes()).isEqualTo(12L * 124_439_808);
  }

  /** Of a stage that trains a model of two layers. */
  private static <C extends Record & StageConfig> C tiny(Class<C> stage, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "data.source=none",
                "model.from=none",
                "model.architecture=gpt2",
                "model.layers=2",
                "model.heads=2",
                "model.width=64",
                "model.context_length=32"));
    all.addAll(List.of(more));
    return ConfigLoader.load(stage, all);
  }

  private static PpoConfig ppo(String... more) {
    List<String> all =
        new ArrayList<>(
            List.of("rewards.model=none", "rollouts.max_tokens=8", "rollouts.batch=16"));
    all.addAll(List.of(more));
    return tiny(PpoConfig.class, all.toArray(String[]::new));
  }

  @Test
  void aHeadOfValuesIsNoSecondModelAndAnAverageIsOne() {
    Map<String, Long> parts =
        parts(ppo("ppo.critic=head", "update.ema_decay=0.9"), StageInputs.NONE);
    assertThat(parts)
        .doesNotContainKey("value model, weights, gradients and at most two moments")
        .containsEntry("average of the policy, weights", parts.get("reference model, weights"));
  }

  @Test
  void countsTheModelsAndTheExamplesOfPpo() {
    PpoConfig config = ppo();
    long trained = 4 * RunPlan.of(config, 100, 2, NOTHING, 0, StageInputs.NONE).parameterCount();
    assertThat(parts(config, StageInputs.NONE))
        .hasEntrySatisfying("reference model, weights", isAbout(trained))
        .hasEntrySatisfying("reward model, weights, if it is as large", isAbout(trained))
        .hasEntrySatisfying("keys and values of rollouts", isAbout(4L * 2 * 2 * 64 * 16 * 32))
        .containsKey("value model, weights, gradients and at most two moments")
        .doesNotContainKey("examples");
    assertThat(parts(config, new StageInputs(10, 1000, OptionalLong.of(77))))
        .hasEntrySatisfying("reward model, weights", isAbout(4 * 77L))
        .doesNotContainKey("reward model, weights, if it is as large")
        .hasEntrySatisfying("examples", bytes -> assertThat(bytes).isBetween(5_000L, 20_000L));
  }

  /** With the header of the array. */
  private static Consumer<Long> isAbout(long bytes) {
    return actual -> assertThat(actual).isBetween(bytes, bytes + 32);
  }

  private static Map<String, Long> parts(PpoConfig config, StageInputs inputs) {
    return RunPlan.of(config, 100, 2, NOTHING, 1L << 40, inputs).memory().parts().stream()
        .collect(Collectors.toMap(MemoryPart::name, MemoryPart::heapBytes));
  }

  /** Llama-2-7B: its weights are four arrays. */
  @Test
  void plansMoreParametersThanAnArrayHolds() {
    RunPlan plan =
        plan(
            "model.architecture=llama",
            "model.layers=32",
            "model.width=4096",
            "model.heads=32",
            "model.feed_forward_width=11008",
            "model.tie_embeddings=false");
    assertThat(plan.parameterCount()).isGreaterThan(3L * Integer.MAX_VALUE);
    assertThat(plan.memory().parts())
        .filteredOn(part -> part.name().equals("weights"))
        .singleElement()
        .satisfies(
            weights ->
                assertThat(weights.heapBytes())
                    .isBetween(4 * plan.parameterCount(), 4 * plan.parameterCount() + (256 << 20)));
  }

  /** nanoGPT's count of the same model: 6 N + 12 L H K T, with all of the square of attention. */
  @Test
  void countsOperationsOfCausalAttention() {
    FlopPlan flops = plan().flops();
    long products = 12L * 12 * 768 * 768 + 50257L * 768;
    assertThat(flops.productWeights()).isEqualTo(products);
    assertThat(flops.perToken()).isEqualTo(6.0 * products + 12 * 12 * 768 * 1025 / 2.0);
    assertThat(flops.perStep()).isEqualTo(1024 * flops.perToken());
  }

  @Test
  void frozenWeightsHaveNoGradientsToCompute() {
    SftConfig config =
        tiny(
            SftConfig.class,
            "training.sequence_length=32",
            "lora.rank=4",
            "lora.targets=[\"*.attention.qkv\"]");
    RunPlan plan = RunPlan.of(config, 100, 2, NOTHING, 0, StageInputs.NONE);
    long frozen = 2L * 12 * 64 * 64 + 100 * 64;
    long adapters = 2L * 4 * (64 + 3 * 64);
    assertThat(plan.flops().perToken())
        .isEqualTo(4.0 * frozen + 6 * adapters + 12 * 2 * 64 * 33 / 2.0);
    assertThat(plan.flops().formula()).startsWith("4 x frozen weights in matmuls + 6 x weights");
  }

  @Test
  void aDevicesArenasAreOnTheHeapToo() {
    RunPlan plan = plan("compute.backend=opencl");
    long arrays = 0;
    long arenas = 0;
    for (MemoryPart part : plan.memory().parts()) {
      if (part.name().equals("rest of the device's arenas")) {
        arenas = part.heapBytes();
      } else if (!part.name().startsWith("names") && !part.name().equals("process")) {
        arrays += part.heapBytes();
      }
    }
    assertThat(arrays).isGreaterThan(4L * 4 * 124_439_808);
    assertThat(arrays + arenas).isEqualTo(OpenClBackend.arenaBytes(arrays));
  }

  @Test
  void aStepsTimeIsThatOfProductsAndOfTheRest() {
    RunPlan plan = plan();
    assertThat(plan.flops().numbersPerToken()).isEqualTo(12 * 16 * 768 + 50257);
    double rest = plan.stepSeconds(Double.POSITIVE_INFINITY);
    assertThat(plan.stepSeconds(1e11) - rest)
        .isCloseTo(plan.flops().perStep() / 1e11, within(1e-9));
    assertThat(rest).isBetween(0.5, 2.0);
  }

  @Test
  void recomputationTakesOperationsAndGivesMemory() {
    RunPlan none = plan();
    RunPlan attention = plan("compute.recompute=attention");
    RunPlan block = plan("compute.recompute=block");
    assertThat(none.flops().recomputedPerToken()).isZero();
    assertThat(attention.flops().recomputedPerToken()).isEqualTo(2.0 * 12 * 3 * 768 * 768);
    // All of a block's products but the last, and attention's.
    assertThat(block.flops().recomputedPerToken())
        .isEqualTo(12 * (2.0 * 8 * 768 * 768 + 4.0 * 768 * 1025 / 2));
    long stream = 1024 * 768 * 4;
    assertThat(none.memory().peakHeapBytes() - attention.memory().peakHeapBytes())
        .isBetween(11 * 4 * stream, 12 * 5 * stream);
    assertThat(attention.memory().peakHeapBytes() - block.memory().peakHeapBytes())
        .isGreaterThan(100 * stream);
  }

  @Test
  void trainersShareTheMomentsAndTheTime() {
    RunPlan one = plan("training.global_batch_size=8", "training.micro_batch_size=1");
    RunPlan background =
        plan("training.global_batch_size=8", "training.micro_batch_size=1", "cluster.trainers=4");
    RunPlan four =
        plan(
            "training.global_batch_size=8",
            "training.micro_batch_size=1",
            "cluster.trainers=4",
            "checkpoint.background=never");
    long moments = 2L * 4 * 124_439_808;
    long partialSums = 2L * 4 * 124_439_808; // Of 8 slots four, of 2 slots two.
    assertThat(one.memory().peakHeapBytes() - four.memory().peakHeapBytes())
        .isCloseTo(moments * 3 / 4 + partialSums, within(moments / 50));
    assertThat(background.memory().peakHeapBytes() - four.memory().peakHeapBytes())
        .isCloseTo(moments / 2 + moments / 4, within(moments / 50));
    assertThat(four.stepSeconds(1e11)).isEqualTo(one.stepSeconds(1e11) / 4);
  }

  @Test
  void refusesTrainersThatDoNotShareTheMicroBatchesAsARunDoes() {
    assertThatThrownBy(
            () ->
                plan(
                    "training.global_batch_size=8",
                    "training.micro_batch_size=4",
                    "cluster.trainers=4"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("cluster.trainers must divide the micro-batches of a step");
  }

  @Test
  void partsAddUpAndAreNamed() {
    MemoryPlan memory = plan("compute.precision=bf16").memory();
    assertThat(memory.parts().stream().mapToLong(MemoryPart::heapBytes).sum())
        .isEqualTo(memory.peakHeapBytes());
    assertThat(memory.parts().stream().map(MemoryPart::name).collect(Collectors.toSet()))
        .contains(
            "weights",
            "gradients",
            "AdamW moments",
            "residual stream",
            "norms",
            "feed-forward",
            "logits of one chunk",
            "bf16 copies of operands");
    // A copy of each weight and of each product's operand.
    assertThat(memory.peakNativeBytes()).isBetween(2L * 123_000_000, 8L * 123_000_000);
  }

  @Test
  void theOptimizersStateIsPlanned() {
    long hidden = 12L * 12 * 768 * 768;
    long all = 124_439_808;
    long adamW = plan().checkpointBytes();
    assertThat(adamW).isEqualTo(4 * 3 * all);
    assertThat(plan("optimizer.kind=lion").checkpointBytes()).isEqualTo(4 * 2 * all);
    assertThat(plan("optimizer.kind=sgd", "optimizer.momentum=0").checkpointBytes())
        .isEqualTo(4 * all);
    RunPlan muon = plan("optimizer.kind=muon");
    assertThat(muon.checkpointBytes()).isEqualTo(adamW - 4 * hidden);
    assertThat(plan("optimizer.kind=adafactor").checkpointBytes())
        .isBetween(4 * all, 4 * all + (4 << 20));
    // Five steps for four square matrices and two of 4:1 in each of 12 blocks.
    double cube = 768.0 * 768 * 768;
    assertThat(muon.optimizerFlops()).isEqualTo(5 * 12 * 2 * cube * (4 * 3 + 2 * 9));
    assertThat(muon.stepSeconds(1e11))
        .isCloseTo(plan().stepSeconds(1e11) + muon.optimizerFlops() / 1e11, within(1e-9));
    assertThat(muon.memory().parts().stream().map(MemoryPart::name))
        .contains("Muon momentum, AdamW moments", "matrices of the optimizer")
        .doesNotContain("AdamW moments");
  }

  /** configs/gpt2-124m-one-machine.yaml, with Spark's 42 MiB. */
  @Test
  void gpt2SmallFitsInSixGigabytes() {
    for (String precision : List.of("fp32", "bf16")) {
      MemoryPlan memory =
          plan("training.global_batch_size=8", "compute.precision=" + precision).memory();
      assertThat(memory.recommendedHeapBytes()).isLessThan((6L << 30) - (64 << 20));
    }
  }

  @Test
  void slotsNeedPartialSums() {
    long one = plan().memory().peakHeapBytes();
    long eight = plan("training.global_batch_size=8").memory().peakHeapBytes();
    assertThat(eight - one).isCloseTo(3L * 4 * 124_439_808, within(4L << 20));
  }

  @Test
  void recommendsAHeapThatSparkStartsIn() {
    RunPlan tiny = plan("model.layers=1", "model.width=48", "model.context_length=16");
    assertThat(tiny.memory().recommendedHeapBytes()).isEqualTo(512L << 20);
    assertThat(tiny.memory().recommendedOverheadBytes()).isEqualTo(384L << 20);
    MemoryPlan large = plan().memory();
    assertThat(large.recommendedHeapBytes())
        .isBetween((long) (1.1 * large.peakHeapBytes()), (long) (1.3 * large.peakHeapBytes()));
  }

  @Test
  void largeHeapsGiveLargeArraysMore() {
    assertThat(Heap.of(1L << 30).arrayBytes(700_000)).isEqualTo(1 << 20);
    assertThat(Heap.of(1L << 30).arrayBytes(500_000)).isEqualTo(500_016);
    assertThat(Heap.of(1L << 30).arrayBytes(2 << 20)).isEqualTo(3 << 20);
    assertThat(Heap.of(20L << 30).arrayBytes(700_000)).isEqualTo(700_016);
    assertThat(Heap.of(20L << 30).arrayBytes(4 << 20)).isEqualTo(8 << 20);
  }
}

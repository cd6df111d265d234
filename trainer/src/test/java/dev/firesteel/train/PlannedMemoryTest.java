package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.MemoryPart;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The plan's heap is the one that training takes. When kernels come to keep other memory of their
 * own, their backend's {@code Workspace} has to say so.
 */
class PlannedMemoryTest {
  private static final int VOCABULARY = 2000;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "gpt2, fp32, none, adamw",
    "gpt2, fp32, block, adamw",
    "gpt2, bf16, attention, adamw",
    "llama, fp32, attention, adamw",
    "llama, bf16, none, adamw",
    "llama, fp32, none, muon",
    "gpt2, fp32, none, adafactor"
  })
  void theHeapIsWhatThePlanSaid(
      String architecture, String precision, String recompute, String optimizer)
      throws IOException {
    TinyRun.prepare(folder);
    PretrainConfig config =
        TinyRun.config(
            folder,
            "compute.backend=cpu",
            "compute.precision=" + precision,
            "compute.recompute=" + recompute,
            "model.architecture=" + architecture,
            "optimizer.kind=" + optimizer,
            "model.layers=3",
            "model.width=192",
            "model.heads=3",
            "model.context_length=80",
            "model.vocabulary_size=" + VOCABULARY,
            "training.micro_batch_size=10",
            "training.global_batch_size=20",
            "training.steps=3",
            "schedule.warmup_steps=1",
            "checkpoint.every=0");
    RunPlan plan =
        RunPlan.of(
            config,
            VOCABULARY,
            2,
            new MemoryPart("process", 0, 0),
            Runtime.getRuntime().maxMemory(),
            StageInputs.NONE);
    try (Backend backend = backend(precision)) {
      long[] atStep = new long[1];
      TrainingListener listener =
          event -> {
            if (event instanceof TrainingEvent.StepLogged metrics) {
              if (metrics.step() == 3) {
                atStep[0] = usedHeap();
              }
            }
          };
      long before = usedHeap();
      TinyRun.train(config, backend, listener, new StopSignal());
      assertThat(atStep[0] - before).isCloseTo(plan.memory().peakHeapBytes(), withPercentage(15));
    }
  }

  private static Backend backend(String precision) {
    try {
      return Backends.create(
          new BackendOptions(
              BackendKind.CPU, Precision.valueOf(precision.toUpperCase(Locale.ROOT)), 2));
    } catch (UserException e) {
      return abort("bf16 is not to be had here: " + e.getMessage());
    }
  }

  private static long usedHeap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}

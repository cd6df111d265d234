package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.PretrainConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training on an OpenCL device beside training on the CPU: the same run but for rounding. */
class PretrainingOnOpenClTest {
  private static final int STEPS = 200;

  @TempDir private Path folder;

  @BeforeAll
  static void assumeDevice() {
    OpenClSupport.assumeDevice();
  }

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @Test
  void followsTheCpuForTwoHundredStepsAndGoesOnFromItsCheckpoint() throws IOException {
    PretrainConfig cpu = config("on-cpu", "cpu");
    train(cpu, BackendKind.CPU, STEPS);
    PretrainConfig device = config("on-device", "opencl");
    train(device, BackendKind.OPENCL, STEPS);
    assertSameLosses(cpu, device);

    train(config("to-device", "cpu"), BackendKind.CPU, STEPS / 2);
    PretrainConfig toDevice = config("to-device", "opencl");
    assertThat(train(toDevice, BackendKind.OPENCL, STEPS)).isEqualTo(TrainingOutcome.COMPLETED);
    assertSameLosses(cpu, toDevice);

    train(config("to-cpu", "opencl"), BackendKind.OPENCL, STEPS / 2);
    PretrainConfig toCpu = config("to-cpu", "cpu");
    assertThat(train(toCpu, BackendKind.CPU, STEPS)).isEqualTo(TrainingOutcome.COMPLETED);
    assertSameLosses(cpu, toCpu);
  }

  @Test
  void repeatsToTheBitAndAfterAResume() throws IOException {
    PretrainConfig whole = config("whole", "opencl");
    train(whole, BackendKind.OPENCL, 60);
    PretrainConfig stopped = config("stopped", "opencl");
    train(stopped, BackendKind.OPENCL, 25);
    train(stopped, BackendKind.OPENCL, 60);
    for (String file :
        new String[] {"model.safetensors", "trainer/optimizer-00001-of-00001.safetensors"}) {
      assertThat(TinyRun.file(stopped, 60, file)).as(file).isEqualTo(TinyRun.file(whole, 60, file));
    }
    assertThat(TinyRun.metrics(stopped)).isEqualTo(TinyRun.metrics(whole));
  }

  private static void assertSameLosses(PretrainConfig expected, PretrainConfig got) {
    List<JsonNode> want = TinyRun.metrics(expected);
    List<JsonNode> have = TinyRun.metrics(got);
    assertThat(have).hasSameSizeAs(want);
    int losses = 0;
    for (int i = 0; i < want.size(); i++) {
      for (String name : new String[] {"loss", "val_loss"}) {
        if (want.get(i).has(name)) {
          losses++;
          assertThat(have.get(i).get(name).asDouble())
              .as("%s of row %s", name, i)
              .isEqualTo(want.get(i).get(name).asDouble(), within(1e-4));
        }
      }
    }
    assertThat(losses).isGreaterThan(STEPS);
  }

  private PretrainConfig config(String name, String backend) {
    return TinyRun.config(
        folder,
        "name=" + name,
        "compute.backend=" + backend,
        "model.architecture=llama",
        "model.width=48",
        "model.heads=3",
        "model.context_length=32",
        "optimizer.learning_rate=0.001",
        "logging.every=1",
        "evaluation.every=50",
        "checkpoint.every=50",
        "sample.every=200",
        "training.steps=" + STEPS,
        "training.global_batch_size=4",
        "training.micro_batch_size=4");
  }

  private static TrainingOutcome train(PretrainConfig config, BackendKind backend, long until) {
    try (Backend computing = Backends.create(new BackendOptions(backend, Precision.FP32, 2))) {
      return TinyRun.trainUntil(config, computing, until);
    }
  }
}

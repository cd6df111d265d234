package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Recompute;
import dev.firesteel.nn.Segment;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code compute.recompute} changes the memory of a run and not one bit of its result. */
class RecomputationTest {
  private static final List<String> GPT2 =
      List.of("model.architecture=gpt2", "model.width=32", "model.heads=2");

  /** With grouped queries. */
  private static final List<String> LLAMA =
      List.of("model.architecture=llama", "model.width=32", "model.heads=4", "model.kv_heads=2");

  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @ParameterizedTest
  @CsvSource({"FP32,1", "FP32,2", "BF16,1", "BF16,2"})
  void weightsAndLossesAreTheSameToTheBit(Precision precision, int threads) throws IOException {
    for (List<String> model : List.of(GPT2, LLAMA)) {
      PretrainConfig none = config(model, "none");
      train(none, precision, threads);
      for (String mode : List.of("attention", "block")) {
        PretrainConfig recomputed = config(model, mode);
        train(recomputed, precision, threads);
        assertSameRun(none, recomputed);
      }
    }
  }

  /** In bf16 the tape keeps copies of operands; here it is made to keep the operands. */
  @Test
  void whatBackwardKeepsChangesNoBit() throws IOException {
    for (List<String> model : List.of(GPT2, LLAMA)) {
      for (String mode : List.of("none", "block")) {
        PretrainConfig copies = config(model, mode);
        train(copies, Precision.BF16, 2);
        PretrainConfig arrays = config(model, mode, "name=" + copies.name() + "-arrays");
        long[] kept = new long[1];
        try (Backend backend = backend(Precision.BF16, 2)) {
          Backend keepingArrays =
              InterceptedBackend.of(
                  backend,
                  (method, arguments, call) -> {
                    if (method.equals("keep")) {
                      kept[0]++;
                      return arguments[0];
                    }
                    return call.proceed();
                  });
          TinyRun.train(arrays, keepingArrays, event -> {}, new StopSignal());
        }
        assertThat(kept[0]).isPositive();
        assertSameRun(copies, arrays);
      }
    }
  }

  @Test
  void aRunMayGoOnWithAnotherChoice() throws IOException {
    PretrainConfig whole = config(LLAMA, "none");
    TinyRun.train(whole);
    TinyRun.trainUntil(config(LLAMA, "block", "name=changed"), 6);
    PretrainConfig changed = config(LLAMA, "attention", "name=changed");
    TinyRun.train(changed);
    assertSameRun(whole, changed);
  }

  private PretrainConfig config(List<String> model, String mode, String... more) {
    List<String> overrides =
        new ArrayList<>(
            List.of(
                "name=" + model.get(0).replace("model.architecture=", "") + "-" + mode,
                "compute.recompute=" + mode,
                "model.layers=3",
                "model.dropout=0.2",
                "training.steps=6"));
    overrides.addAll(model);
    overrides.addAll(List.of(more));
    return TinyRun.config(folder, overrides.toArray(String[]::new));
  }

  private static void train(PretrainConfig config, Precision precision, int threads) {
    try (Backend backend = backend(precision, threads)) {
      TinyRun.train(config, backend, event -> {}, new StopSignal());
    }
  }

  private static Backend backend(Precision precision, int threads) {
    try {
      return Backends.create(new BackendOptions(BackendKind.CPU, precision, threads));
    } catch (UserException e) {
      return abort("bf16 is not to be had here: " + e.getMessage());
    }
  }

  private static void assertSameRun(PretrainConfig expected, PretrainConfig got)
      throws IOException {
    for (String file :
        new String[] {"model.safetensors", "trainer/optimizer-00001-of-00001.safetensors"}) {
      assertThat(TinyRun.file(got, 6, file)).as(file).isEqualTo(TinyRun.file(expected, 6, file));
    }
    assertThat(TinyRun.metrics(got)).isEqualTo(TinyRun.metrics(expected));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theStepsMemoryIsSmaller(boolean llama) {
    int layers = 8;
    int width = 64;
    int tokens = 64;
    ModelConfig config =
        llama
            ? TestModels.llama(layers, width, 4, 2, 192, tokens, 32)
            : TestModels.gpt2(layers, width, 4, tokens, 32);
    Map<Recompute, Long> peaks = new EnumMap<>(Recompute.class);
    for (Recompute recompute : Recompute.values()) {
      peaks.put(recompute, peakBytes(TestModels.withDropout(config, 0.1), tokens, recompute));
    }
    long stream = 4L * tokens * width;
    // Normalised input, queries, keys and values of each layer but one that is at work.
    long attentionWidths = llama ? 3 : 4;
    assertThat(peaks.get(Recompute.NONE) - peaks.get(Recompute.ATTENTION))
        .isGreaterThanOrEqualTo(attentionWidths * (layers - 1) * stream * 9 / 10);
    // The input of each block, and what one block (18 widths, or 21) and its gradients need.
    assertThat(peaks.get(Recompute.BLOCK)).isLessThan((layers + 40) * stream);
    assertThat(peaks.get(Recompute.NONE)).isGreaterThan(2 * peaks.get(Recompute.BLOCK));
  }

  /** The most memory that a pass forward and back has had of its pool. */
  private static long peakBytes(ModelConfig config, int tokens, Recompute recompute) {
    try (Backend backend = backend(Precision.FP32, 1);
        LanguageModel model = Models.create(config, backend, 1);
        Segment gradients = model.parameters().newSegment();
        ArrayPool pool = new ArrayPool(backend)) {
      try (Tape tape = Tape.training(backend, pool)) {
        ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 5, recompute);
        int[] ids = new int[tokens];
        Tensor loss =
            model.loss(
                pass,
                tape.constant(ids, Shape.of(1, tokens)),
                tape.constant(ids, Shape.of(1, tokens)),
                1.0 / tokens);
        tape.backward(loss);
      }
      return pool.peakBytes();
    }
  }
}

package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Recompute;
import dev.firesteel.nn.SmallArrays;
import dev.firesteel.optim.LearningRateSchedule;
import dev.firesteel.optim.TestOptimizers;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models whose weights, gradients and moments are cut into several arrays. */
class ManyArraysTest {
  private static final int B = 2;
  private static final int T = 6;
  private static final int V = 300;
  private static final int MICRO_BATCHES = 4;

  /** So that arrays end within blocks, shards and buckets, and hold several parameters. */
  private static final long LIMIT = 20_000;

  @TempDir Path folder;

  /** What a rank has after some steps. */
  private record Result(List<Double> norms, Map<String, List<Float>> weights, int arrays) {}

  @ParameterizedTest
  @CsvSource({"adamw, 1", "adamw, 2", "lion, 2", "sgd, 2", "adafactor, 2", "muon, 2"})
  void trainsToTheBitsOfOneArray(String kind, int ranks) throws Exception {
    OptimizerConfig optimizer = TestOptimizers.config("kind=" + kind);
    Result one = train(optimizer, Long.MAX_VALUE, 1).get(0);
    assertThat(one.arrays).isEqualTo(1);
    assertThat(one.norms).allMatch(norm -> norm > 0);
    for (Result several : train(optimizer, LIMIT, ranks)) {
      assertThat(several.arrays).isGreaterThan(4);
      assertThat(several.norms).isEqualTo(one.norms);
      assertThat(several.weights).isEqualTo(one.weights);
    }
  }

  private static ParameterSet.Builder builder(long limit) {
    return limit == Long.MAX_VALUE ? ParameterSet.builder() : SmallArrays.builder(limit);
  }

  private static List<Result> train(OptimizerConfig optimizer, long limit, int ranks)
      throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<Result>> futures = new ArrayList<>();
      for (Collective rank : ThreadCollective.world(ranks)) {
        futures.add(threads.submit(() -> train(optimizer, limit, rank)));
      }
      List<Result> results = new ArrayList<>();
      for (Future<Result> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }

  private static Result train(OptimizerConfig optimizer, long limit, Collective collective) {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend)) {
      ParameterSet.Builder parameters = builder(limit);
      LanguageModel model =
          Models.declare(
              TestModels.withDropout(TestModels.llama(2, 64, 4, 2, 96, T, V), 0.1), parameters);
      parameters.build().allocate(backend, DType.F32);
      model.parameters().initialize(1);
      List<Double> norms = new ArrayList<>();
      try (Learner learner = learner(model, optimizer, backend, collective, pool)) {
        for (long step = 0; step < 2; step++) {
          norms.add(update(model, learner, step).gradientNorm());
        }
      }
      return new Result(norms, weights(model), model.parameters().weights().arrays().size());
    }
  }

  private static Learner learner(
      LanguageModel model,
      OptimizerConfig optimizer,
      Backend backend,
      Collective collective,
      ArrayPool pool) {
    return new Learner(
        model,
        new LearnerSettings(
            optimizer,
            new LearningRateSchedule.Constant(0.01, 1),
            1,
            MICRO_BATCHES,
            7,
            Recompute.NONE),
        new TrainingContext(
            backend, collective, null, event -> {}, new RankListener() {}, new StopSignal()),
        pool);
  }

  private static Update update(LanguageModel model, Learner learner, long step) {
    return learner.update(
        step,
        MICRO_BATCHES * B * T,
        (pass, microBatch, scale) -> {
          RandomStream random = RandomStream.of(3, "ids", step, microBatch);
          int[] ids = new int[B * T];
          for (int i = 0; i < ids.length; i++) {
            ids[i] = random.nextInt(V);
          }
          Tensor tokens = pass.tape().constant(ids, Shape.of(B, T));
          return model.loss(pass, tokens, tokens, scale);
        });
  }

  private static Map<String, List<Float>> weights(LanguageModel model) {
    Map<String, List<Float>> weights = new HashMap<>();
    for (Parameter parameter : model.parameters().parameters()) {
      float[] values = new float[Math.toIntExact(parameter.size())];
      model
          .parameters()
          .backend()
          .download(model.parameters().weights().view(parameter), values, 0);
      List<Float> list = new ArrayList<>();
      for (float value : values) {
        list.add(value);
      }
      weights.put(parameter.name(), list);
    }
    return weights;
  }

  private record Small(LanguageModel model) implements OneModelStage.Trained {
    static Function<Backend, OneModelStage.Trained> cutAt(long limit) {
      return backend -> {
        ParameterSet.Builder parameters = builder(limit);
        LanguageModel model = Models.declare(TestModels.gpt2(2, 8, 2, 8, 5), parameters);
        parameters.build().allocate(backend, DType.F32);
        return new Small(model);
      };
    }

    @Override
    public Tensor loss(ForwardPass pass, Tensor ids, double scale) {
      return model.loss(pass, ids, ids, scale);
    }
  }

  /** A checkpoint does not depend on the arrays of the process that wrote it. */
  @Test
  void resumesWhateverTheArraysWere() throws IOException {
    TinyRun.prepare(folder);
    PretrainConfig whole = TinyRun.config(folder, "name=whole");
    OneModelStage.train(whole, Small.cutAt(Long.MAX_VALUE), Long.MAX_VALUE);
    PretrainConfig cut = TinyRun.config(folder, "name=cut", "checkpoint.background=always");
    OneModelStage.train(cut, Small.cutAt(512), 6);
    try (SafetensorsFile optimizer = open(cut, 6)) {
      assertThat(optimizer.tensors().keySet())
          .contains("first_moments", "first_moments.2", "second_moments", "second_moments.2");
    }
    OneModelStage.train(cut, Small.cutAt(Long.MAX_VALUE), 10);
    OneModelStage.train(cut, Small.cutAt(400), Long.MAX_VALUE);

    assertThat(TinyRun.file(cut, 12, "model.safetensors"))
        .isEqualTo(TinyRun.file(whole, 12, "model.safetensors"));
    for (int step : new int[] {10}) {
      for (String file :
          List.of("model.safetensors", "trainer/optimizer-00001-of-00001.safetensors")) {
        assertThat(TinyRun.file(cut, step, file))
            .as(file)
            .isEqualTo(TinyRun.file(whole, step, file));
      }
    }
    assertThat(TinyRun.file(cut, 12, "trainer/layout.json"))
        .isEqualTo(TinyRun.file(whole, 12, "trainer/layout.json"));
  }

  private static SafetensorsFile open(PretrainConfig run, long step) throws IOException {
    org.apache.hadoop.fs.Path path =
        new org.apache.hadoop.fs.Path(
            TinyRun.checkpoint(run, step)
                .resolve("trainer/optimizer-00001-of-00001.safetensors")
                .toString());
    return SafetensorsFile.open(HadoopFiles.fileSystem(path, TinyRun.HADOOP), path);
  }
}

package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AttentionWeightsTest {
  private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};

  static List<ModelConfig> configs() {
    ModelConfig llama = TestModels.llama(3, 24, 4, 2, 20, 16, 11);
    return List.of(
        TestModels.gpt2(2, 12, 3, 16, 11),
        llama,
        llama.toBuilder().architecture(Architecture.MISTRAL).window(3).build(),
        llama.toBuilder().architecture(Architecture.QWEN3).build());
  }

  @ParameterizedTest
  @MethodSource("configs")
  void reproduceTheOutputOfAttentionOnTheCpu(ModelConfig config) {
    try (Backend backend = new CpuBackend(Precision.FP32, 2)) {
      assertReproduced(config, backend, DType.F32, 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("configs")
  void reproduceTheOutputOfAttentionInDoublePrecision(ModelConfig config) {
    try (Backend backend = new ReferenceBackend()) {
      // The weights themselves are floats.
      assertReproduced(config, backend, DType.F64, 1e-6);
    }
  }

  /** What attention read and what it gave, in one layer. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Layer(AttentionSpec spec, double[] packed, double[] out) {}

  private static void assertReproduced(
      ModelConfig config, Backend backend, DType dtype, double tolerance) {
    try (LanguageModel model = Models.create(config, backend, dtype, 5);
        ArrayPool pool = new ArrayPool(backend)) {
      enlarge(model, backend);
      AttentionWeights weights = AttentionWeights.of(model, pool, IDS);
      List<Layer> layers = layers(model, pool);
      assertThat(weights.layers()).isEqualTo(config.layers()).isEqualTo(layers.size());
      assertThat(weights.heads()).isEqualTo(config.heads());
      for (int i = 0; i < layers.size(); i++) {
        assertReproduced(weights, i, layers.get(i), config, tolerance);
      }
    }
  }

  /** Weights of ordinary size make attention nearly uniform: then little would be tested. */
  private static void enlarge(LanguageModel model, Backend backend) {
    for (var parameter : model.parameters().parameters()) {
      if (parameter.name().endsWith("qkv.weight")) {
        NdArray view = model.parameters().weights().view(parameter);
        double[] values = new double[Math.toIntExact(parameter.size())];
        backend.download(view, values, 0);
        for (int i = 0; i < values.length; i++) {
          values[i] *= 40;
        }
        backend.upload(values, 0, view);
      }
    }
  }

  private static List<Layer> layers(LanguageModel model, ArrayPool pool) {
    List<Layer> layers = new ArrayList<>();
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass =
          ForwardPass.inference(tape, model.parameters())
              .withAttentionWatch(
                  (spec, packed, ranges) ->
                      layers.add(
                          new Layer(spec, values(packed), values(packed.attention(spec, ranges)))));
      model.hidden(pass, tape.constant(IDS, Shape.of(1, IDS.length)));
    }
    return layers;
  }

  private static double[] values(Tensor tensor) {
    double[] values = new double[Math.toIntExact(tensor.shape().size())];
    tensor.tape().backend().download(tensor.array(), values, 0);
    return values;
  }

  private static void assertReproduced(
      AttentionWeights weights, int index, Layer layer, ModelConfig config, double tolerance) {
    AttentionSpec spec = layer.spec();
    int width = spec.headWidth();
    double greatest = 0;
    for (int query = 0; query < IDS.length; query++) {
      for (int head = 0; head < spec.heads(); head++) {
        int group = head / (spec.heads() / spec.keyValueHeads());
        double sum = 0;
        double[] attended = new double[width];
        for (int key = 0; key < IDS.length; key++) {
          double p = weights.weight(index, head, query, key);
          boolean visible = key <= query && (config.window() == 0 || key > query - config.window());
          if (!visible) {
            assertThat(p).isZero();
            continue;
          }
          greatest = Math.max(greatest, key == query ? 0 : p);
          sum += p;
          for (int i = 0; i < width; i++) {
            attended[i] +=
                p
                    * layer
                        .packed()[
                        key * spec.packedWidth() + spec.packedValues() + group * width + i];
          }
        }
        assertThat(sum).isCloseTo(1, within(tolerance));
        for (int i = 0; i < width; i++) {
          assertThat(attended[i])
              .as("layer %d head %d query %d", index, head, query)
              .isCloseTo(
                  layer.out()[query * spec.outputWidth() + head * width + i], within(tolerance));
        }
      }
    }
    assertThat(greatest).as("some token attends mostly to another").isGreaterThan(0.5);
  }
}

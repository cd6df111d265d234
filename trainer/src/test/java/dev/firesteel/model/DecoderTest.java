package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DecoderTest {
  private static final int B = 3;
  private static final int T = 7;
  private static final int V = 13;

  static Stream<ModelConfig> models() {
    ModelConfig llama = TestModels.llama(2, 16, 4, 2, 24, 9, V);
    return Stream.of(
        TestModels.gpt2(2, 16, 2, 9, V),
        llama,
        llama.toBuilder()
            .attentionBias(AttentionBias.ALL)
            .feedForwardBias(true)
            .headWidth(6)
            .build(),
        llama.toBuilder().architecture(Architecture.MISTRAL).window(9).build(),
        llama.toBuilder().architecture(Architecture.QWEN2).attentionBias(null).build(),
        llama.toBuilder()
            .architecture(Architecture.QWEN3)
            .attentionBias(AttentionBias.ALL)
            .ropeScaling(
                new RopeScalingConfig(RopeScalingConfig.Type.YARN, 4, 2, 1, 32, 1.25, true))
            .build());
  }

  private static int[] ids(int seed) {
    RandomStream random = RandomStream.of(seed, "ids");
    int[] ids = new int[B * T];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = random.nextInt(V);
    }
    return ids;
  }

  private static double[] values(Backend backend, NdArray array) {
    double[] values = new double[(int) array.size()];
    backend.download(array, values, 0);
    return values;
  }

  /** The loss of one micro-batch; fills {@code gradients}. */
  private static double backward(
      LanguageModel model, Segment gradients, int[] targets, long dropoutKey) {
    Backend backend = model.parameters().backend();
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.training(backend, pool)) {
      ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, dropoutKey);
      Tensor loss =
          model.loss(
              pass,
              tape.constant(ids(1), Shape.of(B, T)),
              tape.constant(targets, Shape.of(B, T)),
              1.0 / (B * T));
      tape.backward(loss);
      return loss.item();
    }
  }

  private static double[] logits(LanguageModel model, int[] ids) {
    Backend backend = model.parameters().backend();
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      return values(backend, model.logits(pass, tape.constant(ids, Shape.of(B, T))).array());
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void gradientsAreThoseOfCentralDifferences(ModelConfig config) {
    Backend backend = new ReferenceBackend();
    ModelConfig dropping = TestModels.withDropout(TestModels.withInitStd(config, 0.2), 0.2);
    LanguageModel model = Models.create(dropping, backend, DType.F64, 1);
    Segment gradients = model.parameters().newSegment();
    Segment unused = model.parameters().newSegment();
    int[] targets = ids(2);
    targets[4] = -1;
    backward(model, gradients, targets, 77);

    double[] weights = values(backend, model.parameters().weights().flat());
    double[] gradient = values(backend, gradients.flat());
    double[] direction = new double[weights.length];
    RandomStream random = RandomStream.of(9, "direction");
    double analytic = 0;
    for (int i = 0; i < direction.length; i++) {
      direction[i] = random.nextGaussian();
      analytic += gradient[i] * direction[i];
    }
    double h = 1e-6;
    double up = lossAlong(model, unused, targets, weights, direction, h);
    double down = lossAlong(model, unused, targets, weights, direction, -h);

    assertThat(analytic).isNotZero();
    assertThat((up - down) / (2 * h)).isEqualTo(analytic, within(1e-6 * Math.abs(analytic)));
  }

  private static double lossAlong(
      LanguageModel model,
      Segment gradients,
      int[] targets,
      double[] weights,
      double[] direction,
      double h) {
    double[] moved = weights.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += h * direction[i];
    }
    model.parameters().backend().upload(moved, 0, model.parameters().weights().flat());
    return backward(model, gradients, targets, 77);
  }

  @ParameterizedTest
  @MethodSource("models")
  void logitsIgnoreTheFuture(ModelConfig config) {
    LanguageModel model =
        Models.create(TestModels.withInitStd(config, 0.3), new ReferenceBackend(), 1);
    int[] ids = ids(1);
    double[] before = logits(model, ids);
    ids[T + 4] = (ids[T + 4] + 1) % V; // sequence 1, token 4
    double[] after = logits(model, ids);

    int changedFrom = (T + 4) * V;
    int changedTo = 2 * T * V;
    for (int i = 0; i < before.length; i++) {
      boolean mayChange = i >= changedFrom && i < changedTo;
      assertThat(after[i] != before[i]).as("logit " + i).isEqualTo(mayChange);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void dropoutFollowsItsKeyInTrainingAndIsOffOtherwise(ModelConfig config) {
    ModelConfig dropping = TestModels.withDropout(TestModels.withInitStd(config, 0.3), 0.3);
    Backend backend = new ReferenceBackend();
    LanguageModel model = Models.create(dropping, backend, 1);
    LanguageModel plain = Models.create(TestModels.withDropout(dropping, 0), backend, 1);
    Segment gradients = model.parameters().newSegment();
    long first = ForwardPass.dropoutKey(1, 10, 0);
    long second = ForwardPass.dropoutKey(1, 10, 1);

    double loss = backward(model, gradients, ids(2), first);

    assertThat(backward(model, gradients, ids(2), first)).isEqualTo(loss);
    assertThat(backward(model, gradients, ids(2), second)).isNotEqualTo(loss);
    assertThat(logits(model, ids(1))).isEqualTo(logits(plain, ids(1)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void lossAndGradientsHaveTheSameBitsOnAnyNumberOfThreads(ModelConfig config) {
    ModelConfig dropping = TestModels.withDropout(TestModels.withInitStd(config, 0.3), 0.3);
    double[] loss = new double[2];
    double[][] gradient = new double[2][];
    for (int i = 0; i < 2; i++) {
      try (Backend backend = new CpuBackend(Precision.FP32, i == 0 ? 1 : 3);
          LanguageModel model = Models.create(dropping, backend, 1);
          Segment gradients = model.parameters().newSegment()) {
        loss[i] = backward(model, gradients, ids(2), 5);
        gradient[i] = values(backend, gradients.flat());
      }
    }

    assertThat(loss[1]).isEqualTo(loss[0]);
    assertThat(gradient[1]).isEqualTo(gradient[0]);
  }

  @Test
  void initialWeightsFollowTheScheme() {
    ModelConfig config = TestModels.gpt2(8, 64, 4, 32, 500);
    Backend backend = new ReferenceBackend();
    LanguageModel model = Models.create(config, backend, 1);

    assertThat(standardDeviation(model, "embedding.weight")).isEqualTo(0.02, within(3e-4));
    assertThat(standardDeviation(model, "blocks.3.attention.qkv.weight"))
        .isEqualTo(0.02, within(5e-4));
    assertThat(standardDeviation(model, "blocks.3.attention.output.weight"))
        .isEqualTo(0.005, within(3e-4));
    assertThat(standardDeviation(model, "blocks.3.feed_forward.down.weight"))
        .isEqualTo(0.005, within(2e-4));
    assertThat(weights(model, "blocks.3.attention_norm.gain")).containsOnly(1);
    assertThat(weights(model, "blocks.3.attention.qkv.bias")).containsOnly(0);
  }

  private static double standardDeviation(LanguageModel model, String name) {
    double sum = 0;
    double squares = 0;
    double[] values = weights(model, name);
    for (double value : values) {
      sum += value;
      squares += value * value;
    }
    double mean = sum / values.length;
    return Math.sqrt(squares / values.length - mean * mean);
  }

  private static double[] weights(LanguageModel model, String name) {
    Parameter parameter = model.parameters().parameter(name);
    return values(model.parameters().backend(), model.parameters().weights().view(parameter));
  }

  @Test
  void initialWeightsDependOnSeedAndNameOnly() {
    Backend backend = new ReferenceBackend();
    String name = "blocks.1.attention.qkv.weight";
    LanguageModel two = Models.create(TestModels.llama(2, 16, 4, 2, 24, 9, V), backend, 1);
    // The residual projections aside, more blocks and more tokens change nothing.
    LanguageModel three = Models.create(TestModels.llama(3, 16, 4, 2, 24, 9, 2 * V), backend, 1);
    LanguageModel other = Models.create(TestModels.llama(2, 16, 4, 2, 24, 9, V), backend, 2);

    assertThat(weights(three, name)).isEqualTo(weights(two, name));
    assertThat(weights(other, name)).isNotEqualTo(weights(two, name));
    assertThat(weights(two, "blocks.0.attention.qkv.weight")).isNotEqualTo(weights(two, name));
  }

  @Test
  void refusesMoreTokensThanTheContextHolds() {
    LanguageModel model =
        Models.create(TestModels.gpt2(1, 16, 2, T - 1, V), new ReferenceBackend(), 1);

    assertThatThrownBy(() -> logits(model, ids(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("model: ids must be [B, T] with 1 <= T <= 6, got [3, 7]");
  }

  /** Beyond the window's reach through all layers, a token changes nothing. */
  @Test
  void aTokenSeesNoFartherThanTheWindowInEachLayer() {
    ModelConfig config =
        TestModels.llama(1, 16, 4, 2, 24, 9, V).toBuilder()
            .architecture(Architecture.MISTRAL)
            .window(3)
            .build();
    LanguageModel model = Models.create(config, new ReferenceBackend(), 1);
    int[] ids = ids(1);
    double[] before = logits(model, ids);
    ids[0] = (ids[0] + 1) % V;
    double[] after = logits(model, ids);

    // The first sequence's token 2 is the last one that sees token 0.
    assertThat(Arrays.copyOfRange(after, 3 * V, after.length))
        .isEqualTo(Arrays.copyOfRange(before, 3 * V, before.length));
    assertThat(Arrays.copyOfRange(after, 2 * V, 3 * V))
        .isNotEqualTo(Arrays.copyOfRange(before, 2 * V, 3 * V));
  }
}

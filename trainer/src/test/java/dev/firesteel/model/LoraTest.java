package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Recompute;
import dev.firesteel.nn.Segment;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LoraTest {
  private static final int B = 3;
  private static final int T = 7;
  private static final int V = 13;

  private static final Lora ALL =
      new Lora(2, 6, 0.2, NamePattern.all("*.attention.*", "*.feed_forward.*"));

  private final Backend backend = new ReferenceBackend();

  static Stream<ModelConfig> models() {
    return Stream.of(TestModels.gpt2(2, 16, 2, 9, V), TestModels.llama(2, 16, 4, 2, 24, 9, V))
        .map(config -> TestModels.withInitStd(config, 0.2));
  }

  private LanguageModel plain(ModelConfig config) {
    return Models.create(config, backend, DType.F64, 1);
  }

  /** With a frozen base and adapters that are no longer 0. */
  private LanguageModel adapted(ModelConfig config) {
    ParameterSet.Builder declaration = ParameterSet.builder();
    LanguageModel model = Models.declare(config, declaration, ALL);
    Lora.freezeBase(declaration);
    declaration.build().allocate(backend, DType.F64);
    model.parameters().initialize(1);
    for (Parameter parameter : model.parameters().trained()) {
      RandomStream random = RandomStream.of(5, parameter.name());
      double[] values = new double[(int) parameter.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = 0.2 * random.nextGaussian();
      }
      backend.upload(values, 0, model.parameters().weights().view(parameter));
    }
    return model;
  }

  private static int[] ids(int seed) {
    RandomStream random = RandomStream.of(seed, "ids");
    int[] ids = new int[B * T];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = random.nextInt(V);
    }
    return ids;
  }

  private double[] values(NdArray array) {
    double[] values = new double[(int) array.size()];
    backend.download(array, values, 0);
    return values;
  }

  private double backward(LanguageModel model, Segment gradients, Recompute recompute) {
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.training(backend, pool)) {
      ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 77, recompute);
      Tensor loss = loss(model, pass);
      tape.backward(loss);
      return loss.item();
    }
  }

  private static Tensor loss(LanguageModel model, ForwardPass pass) {
    Shape shape = Shape.of(B, T);
    Tape tape = pass.tape();
    return model.loss(
        pass, tape.constant(ids(1), shape), tape.constant(ids(2), shape), 1.0 / (B * T));
  }

  private double[] logits(LanguageModel model, Function<Tape, ForwardPass> pass) {
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      Tensor ids = tape.constant(ids(1), Shape.of(B, T));
      return values(model.logits(pass.apply(tape), ids).array());
    }
  }

  private double[] logits(LanguageModel model) {
    return logits(model, tape -> ForwardPass.inference(tape, model.parameters()));
  }

  @ParameterizedTest
  @MethodSource("models")
  void gradientsAreThoseOfCentralDifferences(ModelConfig config) {
    LanguageModel model = adapted(TestModels.withDropout(config, 0.1));
    Segment gradients = model.parameters().newSegment();
    Segment unused = model.parameters().newSegment();
    backward(model, gradients, Recompute.NONE);
    NdArray trained = model.parameters().weights().range(0, model.parameters().trainedSize());
    double[] weights = values(trained);
    double[] gradient = values(gradients.flat());
    assertThat(gradient).hasSameSizeAs(weights);

    double[] up = weights.clone();
    double[] down = weights.clone();
    double h = 1e-6;
    double analytic = 0;
    RandomStream random = RandomStream.of(9, "direction");
    for (int i = 0; i < weights.length; i++) {
      double direction = random.nextGaussian();
      analytic += gradient[i] * direction;
      up[i] += h * direction;
      down[i] -= h * direction;
    }
    backend.upload(up, 0, trained);
    double above = backward(model, unused, Recompute.NONE);
    backend.upload(down, 0, trained);
    double below = backward(model, unused, Recompute.NONE);

    assertThat(analytic).isNotZero();
    assertThat((above - below) / (2 * h)).isEqualTo(analytic, within(1e-6 * Math.abs(analytic)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void recomputationGivesTheSameBits(ModelConfig config) {
    LanguageModel model = adapted(TestModels.withDropout(config, 0.1));
    Segment stored = model.parameters().newSegment();
    double loss = backward(model, stored, Recompute.NONE);
    for (Recompute recompute : Recompute.values()) {
      Segment recomputed = model.parameters().newSegment();
      assertThat(backward(model, recomputed, recompute)).isEqualTo(loss);
      assertThat(values(recomputed.flat())).isEqualTo(values(stored.flat()));
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void startsAsItsBase(ModelConfig config) {
    ParameterSet.Builder declaration = ParameterSet.builder();
    LanguageModel model = Models.declare(config, declaration, ALL);
    declaration.build().allocate(backend, DType.F64);
    model.parameters().initialize(1);

    assertThat(logits(model)).isEqualTo(logits(plain(config)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void withoutAdaptersItIsItsBaseToTheBit(ModelConfig config) {
    LanguageModel model = adapted(config);
    double[] base = logits(plain(config));

    assertThat(logits(model, tape -> ForwardPass.withoutAdapters(tape, model.parameters())))
        .isEqualTo(base);
    assertThat(logits(model)).isNotEqualTo(base);
  }

  /** A policy and its reference on one tape: gradients of the adapters, and none of the rest. */
  @Test
  void theBaseCanBeOnTheSameTape() {
    ModelConfig config = TestModels.withDropout(TestModels.gpt2(1, 16, 2, 9, V), 0.3);
    LanguageModel model = adapted(config);
    Segment gradients = model.parameters().newSegment();
    Segment alone = model.parameters().newSegment();
    backward(model, alone, Recompute.NONE);
    double reference;
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      LanguageModel plain = plain(config);
      reference = loss(plain, ForwardPass.inference(tape, plain.parameters())).item();
    }
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.training(backend, pool)) {
      Tensor policy = loss(model, ForwardPass.training(tape, model.parameters(), gradients, 77));
      Tensor base = loss(model, ForwardPass.withoutAdapters(tape, model.parameters()));
      assertThat(base.requiresGradient()).isFalse();
      assertThat(base.item()).isEqualTo(reference);
      tape.backward(policy.add(base));
    }
    assertThat(values(gradients.flat())).isEqualTo(values(alone.flat()));
  }

  @ParameterizedTest
  @MethodSource("models")
  void mergedWeightsComputeTheSame(ModelConfig config) {
    LanguageModel model = adapted(config);
    LanguageModel merged = plain(config);
    ALL.merge(model.parameters(), merged.parameters());

    double[] expected = logits(model);
    double[] got = logits(merged);
    double largest = 0;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).isEqualTo(expected[i], within(1e-12 * largest));
    }
    assertThat(got).isNotEqualTo(logits(plain(config)));
  }

  @Test
  void mergedWeightsComputeTheSameInFloat32() {
    ModelConfig config = TestModels.withInitStd(TestModels.llama(2, 16, 4, 2, 24, 9, V), 0.2);
    LanguageModel model = adapted(config);
    LanguageModel merged = Models.create(config, backend, 1);
    ALL.merge(model.parameters(), merged.parameters());

    double[] expected = logits(model);
    double[] got = logits(merged);
    double squares = 0;
    double differences = 0;
    for (int i = 0; i < got.length; i++) {
      squares += expected[i] * expected[i];
      differences += (got[i] - expected[i]) * (got[i] - expected[i]);
    }
    assertThat(Math.sqrt(differences / squares)).isLessThan(1e-6);
  }

  @Test
  void refusesToMergeOtherAdapters() {
    ModelConfig config = TestModels.gpt2(1, 16, 2, 9, V);
    Lora other = new Lora(3, 6, 0, NamePattern.all("*"));
    assertThatThrownBy(() -> other.merge(adapted(config).parameters(), plain(config).parameters()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "merge: the adapters must have the rank 3, got blocks.0.attention.qkv.lora_a.weight[2, 16]");
  }

  @Test
  void adaptsItsTargetsAlone() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Models.declare(
        TestModels.llama(2, 16, 4, 2, 24, 9, V),
        declaration,
        new Lora(2, 4, 0, NamePattern.all("*.qkv", "blocks.1.feed_forward.down")));
    Lora.freezeBase(declaration);

    assertThat(declaration.build().trained())
        .extracting(Parameter::toString)
        .containsExactly(
            "blocks.0.attention.qkv.lora_a.weight[2, 16]",
            "blocks.0.attention.qkv.lora_b.weight[32, 2]",
            "blocks.1.attention.qkv.lora_a.weight[2, 16]",
            "blocks.1.attention.qkv.lora_b.weight[32, 2]",
            "blocks.1.feed_forward.down.lora_a.weight[2, 24]",
            "blocks.1.feed_forward.down.lora_b.weight[16, 2]");
  }

  @Test
  void refusesTargetsThatMatchNothing() {
    Lora lora = new Lora(2, 4, 0, NamePattern.all("*.qkv", "*.q_proj"));
    assertThatThrownBy(
            () -> Models.declare(TestModels.gpt2(2, 16, 2, 9, V), ParameterSet.builder(), lora))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "each target of LoRA must match a projection of the model, got *.q_proj; there are"
                + " blocks.0.attention.qkv, blocks.0.attention.output, blocks.0.feed_forward.up,"
                + " blocks.0.feed_forward.down");
  }

  @Test
  void refusesBadSettings() {
    List<NamePattern> all = NamePattern.all("*");
    assertThatThrownBy(() -> new Lora(0, 1, 0, all))
        .isInstanceOf(UserException.class)
        .hasMessage("LoRA's rank must be at least 1, got 0");
    assertThatThrownBy(() -> new Lora(1, Double.NaN, 0, all))
        .isInstanceOf(UserException.class)
        .hasMessage("LoRA's alpha must be positive, got NaN");
    assertThatThrownBy(() -> new Lora(1, 1, 1, all))
        .isInstanceOf(UserException.class)
        .hasMessage("LoRA's dropout must be at least 0 and less than 1, got 1.0");
    assertThatThrownBy(() -> new Lora(1, 1, 0, List.of()))
        .isInstanceOf(UserException.class)
        .hasMessage("LoRA must have a target, got none: name projections such as *.attention.qkv");
  }
}

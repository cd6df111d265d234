package dev.firesteel.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.LionStep;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.Workspace;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.ScalarHead;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a plan does not know fails, instead of being counted as something else. */
class KernelTraceTest {
  /** Kernels that no model calls: a plan of one that does fails until it has a rule for them. */
  private static final Set<String> CALLED_BY_NO_MODEL =
      Set.of(
          "multiply",
          "matmul",
          "softmax",
          "softmaxBackward",
          "crossEntropy",
          "crossEntropyBackward");

  private final KernelTrace trace =
      new KernelTrace(
          Heap.of(1L << 30),
          Backends.workspace(new BackendOptions(BackendKind.CPU, Precision.FP32, 2)));

  /** Those of a backend, and those of its groups of kernels. */
  static Stream<Method> methods() {
    return Arrays.stream(Backend.class.getMethods())
        .flatMap(
            method ->
                isGroup(method)
                    ? Arrays.stream(method.getReturnType().getMethods())
                    : Stream.of(method))
        .filter(method -> !Modifier.isStatic(method.getModifiers()));
  }

  private static boolean isGroup(Method method) {
    return method.getReturnType().isInterface()
        && method.getReturnType().getPackage() == Backend.class.getPackage();
  }

  @ParameterizedTest
  @MethodSource("methods")
  void knowsEveryMethodOfABackendOrRefusesIt(Method method) throws ReflectiveOperationException {
    Object on = trace;
    for (Method accessor : Backend.class.getMethods()) {
      if (accessor.getReturnType() == method.getDeclaringClass()) {
        on = accessor.invoke(trace);
      }
    }
    Object receiver = on;
    Object[] arguments = arguments(method);
    if (CALLED_BY_NO_MODEL.contains(method.getName())) {
      assertThatThrownBy(() -> method.invoke(receiver, arguments))
          .cause()
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "the plan does not know the kernel %s: decide in KernelTrace what its result is for, and in Workspace what it keeps"
                  .formatted(method.getName()));
    } else {
      assertThatCode(() -> method.invoke(receiver, arguments)).doesNotThrowAnyException();
    }
  }

  @Test
  void refusesAProductWithWhatIsNoWeight() {
    LanguageModel model = model();
    Parameter parameter = model.parameters().parameter("blocks.0.attention_norm.gain");
    NdArray gain = model.parameters().weights().view(parameter).reshape(Shape.of(1, 8));
    NdArray other = model.parameters().newSegment().view(parameter).reshape(Shape.of(1, 8));
    for (NdArray operand : List.of(gain, other)) {
      assertThatThrownBy(
              () -> trace.products().linear(gain, operand, null, Activation.IDENTITY, null, gain))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("the plan does not know a matmul with");
    }
  }

  static Stream<ModelConfig> variants() {
    return TestModels.variants();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void plansEveryArchitecture(ModelConfig variant) {
    for (Parameter parameter : Models.declare(variant).parameters().parameters()) {
      assertThat(ModelPart.of(parameter.name())).isNotNull();
    }
    for (String backend : List.of("reference", "cpu", "opencl")) {
      for (String recompute : List.of("none", "attention", "block")) {
        PretrainConfig run =
            ConfigLoader.load(
                PretrainConfig.class,
                List.of(
                    "data.source=none",
                    "compute.backend=" + backend,
                    "compute.recompute=" + recompute,
                    "training.micro_batch_size=2",
                    "training.global_batch_size=2",
                    "training.sequence_length=5"));
        ModelConfig model = TestModels.withDropout(variant, 0.1);
        List<MemoryPart> parts = new DryRun(run, model, Heap.of(1L << 30), 2).parts();
        assertThat(parts).extracting(MemoryPart::name).contains("weights", "gradients");
      }
    }
  }

  /** A step on log-probabilities: never a whole array of logits, forward less than backward. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void plansLogProbabilities(Precision precision) {
    int vocabulary = 5003;
    int rows = 4 * 600;
    long[] bytes = new long[2];
    for (int training = 0; training < 2; training++) {
      Workspace workspace = Backends.workspace(new BackendOptions(BackendKind.CPU, precision, 2));
      KernelTrace planned = new KernelTrace(Heap.of(1L << 30), workspace);
      LanguageModel model = Models.declare(TestModels.llama(1, 8, 2, 1, 12, 600, vocabulary));
      model.parameters().allocate(planned, DType.F32);
      planned.weightsOf(model.parameters());
      LogProbs logProbs = LogProbs.of(model, 0.7).withEntropies();
      int[] ids = new int[rows];
      if (training == 1) {
        try (Tape tape = Tape.training(planned, planned.pool())) {
          ForwardPass pass =
              ForwardPass.training(tape, model.parameters(), model.parameters().newSegment(), 0);
          double[] gradient = new double[rows];
          logProbs
              .record(pass, ids, ids, RowLayout.whole(4, 600))
              .backward(gradient, gradient, array -> {});
        }
      } else {
        logProbs.compute(planned.pool(), ids, ids, RowLayout.whole(4, 600), 4);
      }
      assertThat(planned.poolHeapBytes()).isLessThan(4L * rows * vocabulary);
      List<Workspace.Part> parts = workspace.parts(size -> size);
      assertThat(parts).extracting(Workspace.Part::name).contains("logits of one chunk");
      for (Workspace.Part part : parts) {
        bytes[training] += part.heapBytes() + part.nativeBytes();
      }
    }
    // The logits of 512 rows at least.
    assertThat(bytes[0]).isGreaterThan(4L * 512 * vocabulary).isLessThan(bytes[1]);
  }

  /** Gradients and moments of the adapters alone. */
  @Test
  void plansAdaptersOnAFrozenBase() {
    PretrainConfig run =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "data.source=none",
                "compute.backend=cpu",
                "training.micro_batch_size=2",
                "training.global_batch_size=2",
                "training.sequence_length=5"));
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel adapted =
        Models.declare(
            TestModels.llama(2, 64, 2, 1, 96, 5, 300),
            parameters,
            new Lora(2, 4, 0.1, NamePattern.all("*.feed_forward.*")));
    Lora.freezeBase(parameters);
    new ScalarHead(parameters, "value_head", 64, Initializer.constant(0));
    ParameterSet built = parameters.build();
    Heap heap = Heap.of(1L << 30);
    Map<String, Long> bytes =
        new DryRun(run, () -> adapted, heap, 2)
            .parts().stream().collect(Collectors.toMap(MemoryPart::name, MemoryPart::heapBytes));

    long trained = heap.arrayBytes(Float.BYTES * built.trainedSize());
    assertThat(trained).isLessThan(heap.arrayBytes(Float.BYTES * built.segmentSize()) / 10);
    assertThat(bytes)
        .containsEntry("gradients", trained)
        .containsEntry("AdamW moments", 2 * trained)
        .containsEntry(
            "weights",
            trained + heap.arrayBytes(Float.BYTES * (built.segmentSize() - built.trainedSize())));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"critic.weight", "blocks.0.experts.0.up.weight", "blocks.0.gain", "weight"})
  void refusesAParameterOfAnUnknownPart(String name) {
    assertThatThrownBy(() -> ModelPart.of(name))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "the plan has no part of the model for the parameter %s: add its module to ModelPart"
                .formatted(name));
  }

  private LanguageModel model() {
    LanguageModel model = Models.declare(TestModels.llama(1, 8, 2, 1, 12, 5, 11));
    model.parameters().allocate(trace, DType.F32);
    trace.weightsOf(model.parameters());
    return model;
  }

  /** One for each parameter; arrays are a weight, since a product needs one. */
  private Object[] arguments(Method method) {
    LanguageModel model = model();
    NdArray weight =
        model
            .parameters()
            .weights()
            .view(model.parameters().parameter("blocks.0.attention.qkv.weight"));
    Map<Class<?>, Object> byType =
        Map.ofEntries(
            Map.entry(NdArray.class, weight),
            Map.entry(Storage.class, weight.storage()),
            Map.entry(DType.class, DType.F32),
            Map.entry(Activation.class, Activation.IDENTITY),
            Map.entry(Backend.Write.class, Backend.Write.SET),
            Map.entry(AttentionSpec.class, AttentionSpec.of(2, 1, 4)),
            Map.entry(Heads.class, Heads.queries(weight.reshape(Shape.of(1, 8, 16)))),
            Map.entry(RopeSpec.class, new RopeSpec(3, 4, 1e4, RopeSpec.Layout.HALF)),
            Map.entry(float[].class, new float[1]),
            Map.entry(double[].class, new double[1]),
            Map.entry(int[].class, new int[1]),
            Map.entry(int.class, 0),
            Map.entry(long.class, 1L),
            Map.entry(double.class, 1.0),
            Map.entry(boolean.class, false),
            Map.entry(Duration.class, Duration.ZERO),
            Map.entry(Consumer.class, (Consumer<String>) notice -> {}),
            Map.entry(AdamWStep.class, new AdamWStep(1, 0.9, 0.9, 1, 0, 1, 1)),
            Map.entry(LionStep.class, new LionStep(1, 0.9, 0.9, 0, 1)));
    return Arrays.stream(method.getParameterTypes())
        .map(
            type -> {
              assertThat(byType).as("an argument for %s", method).containsKey(type);
              return byType.get(type);
            })
        .toArray();
  }
}

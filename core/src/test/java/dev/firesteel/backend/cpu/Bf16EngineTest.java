package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.ArrayScope;
import dev.firesteel.array.DType;
import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Bf16EngineTest {
  /**
   * Rows, output columns, input columns: within one tile, over its edges, many tiles; with up to 64
   * rows for a packed weight.
   */
  private static final int[][] SHAPES = {
    {1, 1, 1}, {3, 5, 7}, {9, 300, 71}, {64, 257, 96}, {65, 33, 129}, {300, 700, 65}, {257, 513, 40}
  };

  @BeforeAll
  static void assumePresent() {
    Bf16Support.assumePresent();
  }

  private static NdArray normal(RandomStream random, int... dims) {
    Shape shape = Shape.of(dims);
    float[] values = new float[Math.toIntExact(shape.size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new NdArray(new FloatStorage(values), 0, shape);
  }

  private static NdArray targets(RandomStream random, int rows, int vocabulary) {
    int[] ids = new int[rows];
    for (int i = 0; i < rows; i++) {
      ids[i] = i % 5 == 4 ? -1 : random.nextInt(vocabulary);
    }
    return new NdArray(new IntStorage(ids), 0, Shape.of(rows));
  }

  private static NdArray rounded(NdArray x) {
    float[] values = FloatStorage.of(x).clone();
    for (int i = 0; i < values.length; i++) {
      values[i] = Bf16.toFloat(Bf16.of(values[i]));
    }
    return new NdArray(new FloatStorage(values), 0, x.shape());
  }

  /** Every product of the engine; the results in order. */
  private static List<NdArray> products(Backend backend, int[] shape, boolean round) {
    RandomStream random = RandomStream.of(3, "bf16 products");
    List<NdArray> operands = new ArrayList<>();
    operands.add(normal(random, shape[0], shape[2]));
    operands.add(normal(random, shape[1], shape[2]));
    operands.add(normal(random, shape[0], shape[1]));
    if (round) {
      operands.replaceAll(Bf16EngineTest::rounded);
    }
    NdArray x = operands.get(0);
    NdArray w = operands.get(1);
    NdArray dy = operands.get(2);
    NdArray bias = normal(random, shape[1]);
    NdArray sums = normal(random, shape[0], shape[1]);
    NdArray y = normal(random, shape[0], shape[1]);
    NdArray dx = normal(random, shape[0], shape[2]);
    NdArray dw = normal(random, shape[1], shape[2]);
    backend.products().linear(x, w, bias, Activation.GELU_TANH, sums, y);
    backend.products().linearBackwardInput(dy, w, dx, Write.ADD);
    backend.products().linearBackwardWeight(dy, x, dw, Write.ADD);
    NdArray losses = normal(random, shape[0]);
    NdArray headDx = normal(random, shape[0], shape[2]);
    NdArray headDw = normal(random, shape[1], shape[2]);
    backend
        .losses()
        .linearCrossEntropy(x, w, targets(random, shape[0], shape[1]), 0.5, losses, headDx, headDw);
    return List.of(sums, y, dx, dw, losses, headDx, headDw);
  }

  @Test
  void productsAreThoseOfRoundedOperandsWithFloat32Sums() {
    for (int[] shape : SHAPES) {
      try (Backend cpu = new CpuBackend(Precision.BF16, 2);
          Backend reference = new ReferenceBackend()) {
        List<NdArray> got = products(cpu, shape, false);
        List<NdArray> want = products(reference, shape, true);
        // The last two multiply a gradient that is itself rounded: they are in the contract's test.
        for (int result = 0; result < 5; result++) {
          float[] actual = FloatStorage.of(got.get(result));
          float[] expected = FloatStorage.of(want.get(result));
          for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i])
                .as("result %d at %d of %s", result, i, got.get(result))
                .isCloseTo(expected[i], within(2e-5f * Math.max(1, Math.abs(expected[i]))));
          }
        }
      }
    }
  }

  @Test
  void aPackedWeightServesAnyNumberOfRowsUntilItIsWritten() {
    RandomStream random = RandomStream.of(4, "packed weight");
    try (CpuBackend backend = new CpuBackend(Precision.BF16, 2)) {
      Bf16Engine engine = (Bf16Engine) backend.engine();
      NdArray w = normal(random, 300, 64);
      NdArray many = normal(random, 65, 64);
      NdArray plain = normal(random, 65, 300);
      backend.products().linear(many, w, null, Activation.IDENTITY, null, plain);
      int before = engine.lentBlocks() - engine.workerBlocks();
      for (int rows : new int[] {1, 16, 64}) {
        NdArray out = normal(random, rows, 300);
        backend.products().linear(many.slice(0, rows), w, null, Activation.IDENTITY, null, out);
        assertClose(out, plain.slice(0, rows));
      }
      // The packed weight, and a copy of each of three slices.
      assertThat(engine.lentBlocks() - engine.workerBlocks()).isEqualTo(before + 4);
      for (int i = 0; i < w.size(); i++) {
        FloatStorage.of(w)[i] *= 2;
      }
      w.storage().markWritten();
      NdArray doubled = normal(random, 16, 300);
      backend.products().linear(many.slice(0, 16), w, null, Activation.IDENTITY, null, doubled);
      for (int i = 0; i < plain.size(); i++) {
        FloatStorage.of(plain)[i] *= 2;
      }
      assertClose(doubled, plain.slice(0, 16));
    }
  }

  private static void assertClose(NdArray got, NdArray want) {
    for (int i = 0; i < got.size(); i++) {
      assertThat(FloatStorage.of(got)[i]).isCloseTo(FloatStorage.of(want)[i], within(1e-4f));
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "5"})
  void bitsDoNotDependOnThreads(int threads) {
    for (int[] shape : SHAPES) {
      try (Backend one = new CpuBackend(Precision.BF16, 1);
          Backend many = new CpuBackend(Precision.BF16, threads)) {
        List<NdArray> want = products(one, shape, false);
        List<NdArray> got = products(many, shape, false);
        for (int result = 0; result < want.size(); result++) {
          float[] bits = FloatStorage.of(got.get(result));
          assertThat(Arrays.mismatch(bits, FloatStorage.of(want.get(result))))
              .as("first difference in result %d of %s", result, Arrays.toString(shape))
              .isEqualTo(-1);
        }
      }
    }
  }

  @Test
  void operandIsConvertedOnceWhileItIsUnchanged() {
    RandomStream random = RandomStream.of(3, "bf16 conversions");
    NdArray x = normal(random, 64, 32);
    NdArray w = normal(random, 48, 32);
    NdArray dy = normal(random, 64, 48);
    NdArray y = normal(random, 64, 48);
    NdArray dx = normal(random, 64, 32);
    NdArray dw = normal(random, 48, 32);
    WorkerPool threads = new WorkerPool(2, Simd.Choice.best());
    try (threads;
        Bf16Engine engine = new Bf16Engine(threads, OneDnn.open())) {
      engine.linear(x, w, null, Activation.IDENTITY, null, y);
      assertThat(engine.conversions()).isEqualTo(2);
      engine.linearBackwardInput(dy, w, dx, Write.SET);
      // Another view of the same elements, as a gradient is under the shape of an output.
      engine.linearBackwardWeight(dy.reshape(Shape.of(2, 32, 48)), x, dw, Write.SET);
      assertThat(engine.conversions()).isEqualTo(3);
      w.storage().markWritten();
      engine.linear(x, w, null, Activation.IDENTITY, null, y);
      assertThat(engine.conversions()).isEqualTo(4);
    }
  }

  @Test
  void nativeMemoryEndsWithItsArraysAndTheEngine() {
    WorkerPool threads = new WorkerPool(2, Simd.Choice.best());
    Backend heap = new ReferenceBackend();
    Bf16Engine engine = new Bf16Engine(threads, OneDnn.open());
    NdArray w = normal(RandomStream.of(3, "bf16 memory"), 48, 32);
    try (threads;
        heap;
        ArrayPool pool = new ArrayPool(heap)) {
      List<Integer> lent = new ArrayList<>();
      for (int step = 0; step < 5; step++) {
        try (ArrayScope scope = new ArrayScope("step", pool)) {
          for (int rows = 1; rows < 200; rows += 30) {
            NdArray x = scope.allocate(DType.F32, Shape.of(rows, 32));
            NdArray y = scope.allocate(DType.F32, Shape.of(rows, 48));
            heap.fill(x, 1);
            engine.linear(x, w, null, Activation.IDENTITY, null, y);
          }
        }
        // The end of a step's arrays is noticed when the next copy is made.
        w.storage().markWritten();
        try (ArrayScope scope = new ArrayScope("last", pool)) {
          NdArray x = scope.allocate(DType.F32, Shape.of(1, 32));
          NdArray y = scope.allocate(DType.F32, Shape.of(1, 48));
          heap.fill(x, 1);
          engine.linear(x, w, null, Activation.IDENTITY, null, y);
          // On a busy machine the second worker may have had no tile until some step.
          lent.add(engine.lentBlocks() - engine.workerBlocks());
        }
      }
      assertThat(lent.subList(1, 5)).containsOnly(lent.get(1));
    }
    engine.close();
    assertThat(engine.lentBlocks()).isZero();
  }

  /** A block of a transformer and its loss; the gradients of all weights, one after another. */
  private static List<float[]> gradients(Backend backend) {
    RandomStream random = RandomStream.of(11, "bf16 model");
    int batch = 2;
    int tokens = 24;
    int width = 32;
    int vocabulary = 61;
    List<NdArray> weights =
        List.of(
            normal(random, vocabulary, width),
            normal(random, 3 * width, width),
            normal(random, width, width),
            normal(random, 4 * width, width),
            normal(random, width, 4 * width));
    for (NdArray weight : weights) {
      backend.elementwise().scale(1 / Math.sqrt(weight.shape().last()), weight, weight);
    }
    NdArray gain = normal(random, width);
    int[] ids = new int[batch * tokens];
    int[] next = new int[batch * tokens];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = random.nextInt(vocabulary);
      next[i] = random.nextInt(vocabulary);
    }
    List<NdArray> gradients = new ArrayList<>();
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.training(backend, pool)) {
      List<Tensor> tensors = new ArrayList<>();
      for (NdArray weight : weights) {
        NdArray gradient =
            new NdArray(backend.allocate(DType.F32, weight.size()), 0, weight.shape());
        gradients.add(gradient);
        tensors.add(tape.variable(weight, gradient));
      }
      Tensor norm = tape.constant(gain);
      Tensor x = tape.constant(ids, Shape.of(batch, tokens)).embedding(tensors.get(0));
      Tensor packed = x.layerNorm(norm, null, 1e-5).linear(tensors.get(1), null);
      Tensor ranges =
          tape.constant(RowLayout.whole(batch, tokens).causal(), Shape.of(batch, tokens, 2));
      Tensor attended = packed.attention(AttentionSpec.of(2, 2, 16), ranges);
      x = x.add(attended.linear(tensors.get(2), null));
      Tensor up = x.layerNorm(norm, null, 1e-5).linear(tensors.get(3), null, Activation.GELU_TANH);
      x = x.add(up.linear(tensors.get(4), null));
      Tensor loss =
          x.layerNorm(norm, null, 1e-5)
              .linearCrossEntropy(
                  tensors.get(0), tape.constant(next, Shape.of(batch, tokens)), 1.0 / ids.length);
      tape.backward(loss);
      return gradients.stream().map(FloatStorage::of).map(float[]::clone).toList();
    }
  }

  @Test
  void gradientsOfModelAreCloseToThoseInFp32() {
    try (Backend bf16 = new CpuBackend(Precision.BF16, 2);
        Backend fp32 = new CpuBackend(Precision.FP32, 2)) {
      List<float[]> got = gradients(bf16);
      List<float[]> want = gradients(fp32);
      for (int i = 0; i < want.size(); i++) {
        double error = 0;
        double size = 0;
        for (int k = 0; k < want.get(i).length; k++) {
          double difference = got.get(i)[k] - want.get(i)[k];
          error += difference * difference;
          size += (double) want.get(i)[k] * want.get(i)[k];
        }
        // Not zero either: that would mean that nothing was rounded.
        assertThat(Math.sqrt(error / size)).as("weight %d", i).isBetween(1e-4, 2e-2);
      }
    }
  }
}

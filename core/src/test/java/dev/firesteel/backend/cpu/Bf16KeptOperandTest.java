package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.ArrayScope;
import dev.firesteel.array.DType;
import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Precision;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** In bf16 the copy of an operand is what backward keeps, without a change of bits. */
class Bf16KeptOperandTest {
  private static final int ROWS = 96;
  private static final int WIDTH = 32;
  private static final int INNER = 128;
  private static final int LAYERS = 3;

  @BeforeAll
  static void assumePresent() {
    Bf16Support.assumePresent();
  }

  private static NdArray normal(String name, int... dims) {
    RandomStream random = RandomStream.of(7, name);
    float[] values = new float[Math.toIntExact(Shape.of(dims).size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() / 4);
    }
    return new NdArray(new FloatStorage(values), 0, Shape.of(dims));
  }

  private static NdArray zeros(NdArray like) {
    return new NdArray(new FloatStorage(new float[Math.toIntExact(like.size())]), 0, like.shape());
  }

  @Test
  void theCopyOutlivesItsSourceWithItsBits() {
    NdArray x = normal("x", ROWS, WIDTH);
    NdArray w = normal("w", INNER, WIDTH);
    NdArray dy = normal("dy", ROWS, INNER);
    NdArray expected = zeros(w);
    NdArray got = zeros(w);
    try (CpuBackend backend = new CpuBackend(Precision.BF16, 2)) {
      Bf16Engine engine = (Bf16Engine) backend.engine();
      backend.products().linear(x, w, null, Activation.IDENTITY, null, zeros(dy));
      backend.products().linearBackwardWeight(dy, x, expected, Write.SET);
      long conversions = engine.conversions();
      NdArray kept = backend.products().keep(x);
      assertThat(kept.shape()).isEqualTo(x.shape());
      assertThat(kept.dtype()).isEqualTo(DType.F32);
      backend.fill(x, Double.NaN);
      backend.products().linearBackwardWeight(dy, kept, got, Write.SET);
      assertThat(engine.conversions()).isEqualTo(conversions);
      assertThat(FloatStorage.of(got)).containsExactly(FloatStorage.of(expected));
      assertThatThrownBy(() -> backend.elementwise().copy(kept, x))
          .isInstanceOf(ClassCastException.class);
    }
  }

  @Test
  void theCopyIsMadeIfThereIsNone() {
    NdArray x = normal("x", ROWS, WIDTH);
    NdArray dy = normal("dy", ROWS, INNER);
    NdArray expected = normal("w", INNER, WIDTH);
    NdArray got = normal("w", INNER, WIDTH);
    try (CpuBackend backend = new CpuBackend(Precision.BF16, 2)) {
      NdArray kept = backend.products().keep(x);
      backend.products().linearBackwardWeight(dy, x, expected, Write.ADD);
      backend.products().linearBackwardWeight(dy, kept, got, Write.ADD);
      assertThat(FloatStorage.of(got)).containsExactly(FloatStorage.of(expected));
    }
  }

  @Test
  void fp32KeepsTheArrayItself() {
    try (CpuBackend backend = new CpuBackend(Precision.FP32, 2)) {
      NdArray x = normal("x", ROWS, WIDTH);
      assertThat(backend.products().keep(x)).isSameAs(x);
    }
  }

  /** Feed-forward blocks, and what they left. */
  private static final class Network {
    private final List<NdArray> weights = new ArrayList<>();
    private final List<NdArray> gradients = new ArrayList<>();
    private final boolean segments;
    private long lentAfterForward;

    Network(boolean segments) {
      this.segments = segments;
      for (int layer = 0; layer < LAYERS; layer++) {
        weights.add(normal("up" + layer, INNER, WIDTH));
        weights.add(normal("down" + layer, WIDTH, INNER));
      }
      weights.forEach(weight -> gradients.add(zeros(weight)));
    }

    private Tensor block(Tape tape, int layer, Tensor x) {
      Tensor up = tape.variable(weights.get(2 * layer), gradients.get(2 * layer));
      Tensor down = tape.variable(weights.get(2 * layer + 1), gradients.get(2 * layer + 1));
      Tensor gain = tape.constant(normal("gain", WIDTH));
      return x.add(x.rmsNorm(gain, 1e-5).linear(up, null, Activation.GELU_TANH).linear(down, null));
    }

    void run(CpuBackend backend, ArrayPool pool, boolean backward) {
      try (Tape tape = Tape.training(backend, pool)) {
        Tensor x = tape.constant(normal("x", ROWS, WIDTH));
        for (int layer = 0; layer < LAYERS; layer++) {
          int index = layer;
          Tensor in = x;
          x = segments ? tape.segment(() -> block(tape, index, in)) : block(tape, index, in);
        }
        lentAfterForward = pool.lentBytes();
        if (backward) {
          tape.backward(x.multiply(x).sum());
        }
      }
    }
  }

  @Test
  void segmentsReleaseTheFloatsAndChangeNoBit() {
    Network whole = new Network(false);
    Network parts = new Network(true);
    for (Network network : List.of(whole, parts)) {
      try (CpuBackend backend = new CpuBackend(Precision.BF16, 2);
          ArrayPool pool = new ArrayPool(backend)) {
        network.run(backend, pool, true);
      }
    }
    for (int i = 0; i < whole.gradients.size(); i++) {
      assertThat(FloatStorage.of(parts.gradients.get(i)))
          .as("gradient %d", i)
          .containsExactly(FloatStorage.of(whole.gradients.get(i)));
    }
    // Norm and activation are kept as copies; the output of "down" is not read at all.
    long released = LAYERS * ROWS * (WIDTH + INNER + WIDTH) * (long) Float.BYTES;
    assertThat(whole.lentAfterForward - parts.lentAfterForward).isEqualTo(released);
  }

  @Test
  void nativeMemoryOfCopiesIsFreedWithAndWithoutBackward() {
    Network network = new Network(true);
    try (CpuBackend backend = new CpuBackend(Precision.BF16, 1);
        ArrayPool pool = new ArrayPool(backend);
        ArrayScope scope = new ArrayScope("test", pool)) {
      Bf16Engine engine = (Bf16Engine) backend.engine();
      List<Integer> blocks = new ArrayList<>();
      for (int step = 0; step < 6; step++) {
        network.run(backend, pool, step % 2 == 0);
        // The end of the tape's arrays is noticed when the next copy is made.
        NdArray x = scope.allocate(DType.F32, Shape.of(1, WIDTH));
        NdArray y = scope.allocate(DType.F32, Shape.of(1, INNER));
        backend.fill(x, 1);
        backend.products().linear(x, network.weights.get(0), null, Activation.IDENTITY, null, y);
        scope.release(x);
        scope.release(y);
        blocks.add(engine.lentBlocks() - engine.workerBlocks());
      }
      // Those of the weights, of one of them packed, since x has few rows, and of x.
      assertThat(blocks).containsOnly(2 * LAYERS + 2);
    }
  }
}

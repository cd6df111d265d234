package dev.firesteel.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.random.RandomStream;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * A segment's operands that backward only multiplies are kept in the backend's form, with the same
 * gradients; those that it reads otherwise, too, are not. The backend here keeps a copy.
 */
class KeptOperandTest {
  private static final int ROWS = 24;
  private static final int WIDTH = 8;
  private static final long ARRAY_BYTES = (long) ROWS * WIDTH * Double.BYTES;

  private final Backend reference = new ReferenceBackend();
  private final List<NdArray> kept = new ArrayList<>();
  private final Backend keeping = keeping();
  private final ArrayPool pool = new ArrayPool(reference);

  @AfterEach
  void close() {
    pool.close();
    reference.close();
  }

  private Backend keeping() {
    ProductKernels products =
        proxy(
            ProductKernels.class,
            (proxy, method, arguments) ->
                method.getName().equals("keep")
                    ? keep((NdArray) arguments[0])
                    : invoke(method, reference.products(), arguments));
    return proxy(
        Backend.class,
        (proxy, method, arguments) ->
            method.getName().equals("products") ? products : invoke(method, reference, arguments));
  }

  private NdArray keep(NdArray x) {
    NdArray copy = new NdArray(HeapStorage.allocate(DType.F64, x.size()), 0, x.shape());
    reference.elementwise().copy(x, copy);
    kept.add(copy);
    return copy;
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private static Object invoke(Method method, Object on, Object... arguments) throws Throwable {
    try {
      return method.invoke(on, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static NdArray normal(String name, int... dims) {
    Shape shape = Shape.of(dims);
    NdArray array = new NdArray(HeapStorage.allocate(DType.F64, shape.size()), 0, shape);
    double[] values = new double[Math.toIntExact(shape.size())];
    RandomStream random = RandomStream.of(5, name);
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextGaussian();
    }
    try (Backend backend = new ReferenceBackend()) {
      backend.upload(values, 0, array);
    }
    return array;
  }

  private static final class Weights {
    private final List<NdArray> values = new ArrayList<>();
    private final List<NdArray> gradients = new ArrayList<>();

    Tensor variable(Tape tape, String name, int... dims) {
      NdArray value = normal(name, dims);
      NdArray gradient =
          new NdArray(HeapStorage.allocate(DType.F64, value.size()), 0, value.shape());
      values.add(value);
      gradients.add(gradient);
      return tape.variable(value, gradient);
    }

    Tensor square(Tape tape, String name) {
      return variable(tape, name, WIDTH, WIDTH);
    }
  }

  /** A part of a model, applied to x [ROWS, WIDTH] with weights that it declares. */
  private interface Part {
    Tensor apply(Tape tape, Weights weights, Tensor x);
  }

  /** How a tape runs a part. */
  private interface Running {
    Tensor run(Tape tape, UnaryOperator<Tensor> part, Tensor x);
  }

  private static final Running WHOLE = (tape, part, x) -> part.apply(x);
  private static final Running SEGMENT = (tape, part, x) -> tape.segment(() -> part.apply(x));
  private static final Running RECOMPUTED = (tape, part, x) -> tape.recomputed(() -> part.apply(x));

  /** The gradients of all weights and of x, for two uses of the part, one after the other. */
  private List<double[]> gradients(Backend backend, Part part, Running running) {
    Weights weights = new Weights();
    try (Tape tape = Tape.training(backend, pool)) {
      Tensor x = weights.variable(tape, "x", ROWS, WIDTH);
      for (int use = 0; use < 2; use++) {
        x = running.run(tape, input -> part.apply(tape, weights, input), x);
      }
      tape.backward(x.multiply(x).sum());
    }
    assertThat(pool.lentBytes()).isZero();
    for (NdArray form : kept) {
      assertThatThrownBy(form::storage).isInstanceOf(IllegalStateException.class);
    }
    List<double[]> gradients = new ArrayList<>();
    for (NdArray gradient : weights.gradients) {
      double[] values = new double[Math.toIntExact(gradient.size())];
      reference.download(gradient, values, 0);
      gradients.add(values);
    }
    return gradients;
  }

  private void assertSameGradients(int formsOfOneUse, Part part) {
    List<double[]> expected = gradients(reference, part, WHOLE);
    for (Running running : List.of(WHOLE, SEGMENT, RECOMPUTED)) {
      kept.clear();
      List<double[]> got = gradients(keeping, part, running);
      assertThat(kept).hasSize(running == WHOLE ? 0 : 2 * formsOfOneUse);
      assertThat(got).hasSameSizeAs(expected);
      for (int i = 0; i < got.size(); i++) {
        assertThat(got.get(i)).as("gradient %d", i).containsExactly(expected.get(i));
      }
    }
  }

  /** The product's input, and the activation, whose own input is saved. */
  private static Tensor feedForward(Tape tape, Weights weights, Tensor x) {
    Tensor normed = x.layerNorm(weights.variable(tape, "gain", WIDTH), null, 1e-5);
    Tensor up = normed.linear(weights.square(tape, "up"), null, Activation.SILU);
    return x.add(up.linear(weights.square(tape, "down"), null));
  }

  @Test
  void inputsOfProductsAreKept() {
    assertSameGradients(2, KeptOperandTest::feedForward);
  }

  @Test
  void productsShareTheFormOfTheirInput() {
    assertSameGradients(
        1,
        (tape, weights, x) -> {
          Tensor doubled = x.scale(2);
          Tensor gate = doubled.linear(weights.square(tape, "gate"), null);
          return gate.multiply(doubled.linear(weights.square(tape, "up"), null)).scale(0.1);
        });
  }

  @Test
  void viewsShareTheFormOfTheirElements() {
    assertSameGradients(
        1,
        (tape, weights, x) -> {
          Tensor doubled = x.scale(2);
          Tensor flat = doubled.linear(weights.square(tape, "flat"), null);
          Tensor cube = doubled.reshape(2, ROWS / 2, WIDTH);
          return flat.add(cube.linear(weights.square(tape, "cube"), null).reshape(ROWS, WIDTH))
              .scale(0.1);
        });
  }

  @Test
  void operandsThatAreReadAsWellStay() {
    assertSameGradients(
        0,
        (tape, weights, x) -> {
          Tensor doubled = x.scale(2);
          return doubled.linear(weights.square(tape, "w"), null).multiply(doubled).scale(0.1);
        });
  }

  @Test
  void savedOperandsStay() {
    assertSameGradients(
        0, (tape, weights, x) -> x.softmax().linear(weights.square(tape, "w"), null));
  }

  @Test
  void operandsFromOutsideStay() {
    assertSameGradients(0, (tape, weights, x) -> x.linear(weights.square(tape, "w"), null));
  }

  @Test
  void theArraysThemselvesAreReleasedWithTheSegment() {
    long[] lent = new long[2];
    for (Backend backend : List.of(reference, keeping)) {
      Weights weights = new Weights();
      try (Tape tape = Tape.training(backend, pool)) {
        Tensor x = weights.variable(tape, "x", ROWS, WIDTH);
        tape.segment(() -> feedForward(tape, weights, x));
        lent[backend == keeping ? 1 : 0] = pool.lentBytes();
      }
    }
    assertThat(lent[0] - lent[1]).isEqualTo(2 * ARRAY_BYTES);
  }

  @Test
  void aTapeWithoutBackwardEndsThem() {
    Weights weights = new Weights();
    try (Tape tape = Tape.training(keeping, pool)) {
      Tensor x = weights.variable(tape, "x", ROWS, WIDTH);
      tape.segment(() -> feedForward(tape, weights, x));
      assertThat(kept).hasSize(2).allSatisfy(form -> assertThat(form.storage()).isNotNull());
    }
    assertThat(kept)
        .allSatisfy(
            form -> assertThatThrownBy(form::storage).isInstanceOf(IllegalStateException.class));
    assertThat(pool.lentBytes()).isZero();
  }

  @Test
  void aTapeWithoutGradientsKeepsNothing() {
    Weights weights = new Weights();
    try (Tape tape = Tape.inference(keeping, pool)) {
      Tensor x = weights.variable(tape, "x", ROWS, WIDTH);
      tape.segment(() -> feedForward(tape, weights, x));
    }
    assertThat(kept).isEmpty();
  }
}

package dev.firesteel.tensor;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.ArrayScope;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.random.RandomStream;

/** A float64 reference backend with a pool, and short ways to make arrays and read them. */
final class TensorFixture implements AutoCloseable {
  final Backend backend = new ReferenceBackend();
  final ArrayPool pool = new ArrayPool(backend);
  private final ArrayScope scope = new ArrayScope("test", pool);

  Tape training() {
    return Tape.training(backend, pool);
  }

  Tape inference() {
    return Tape.inference(backend, pool);
  }

  NdArray array(Shape shape, double... values) {
    NdArray array = scope.allocate(DType.F64, shape);
    if (values.length > 0) {
      backend.upload(values, 0, array);
    }
    return array;
  }

  NdArray normal(RandomStream random, int... dims) {
    Shape shape = Shape.of(dims);
    double[] values = new double[(int) shape.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextGaussian();
    }
    return array(shape, values);
  }

  NdArray integers(Shape shape, int... values) {
    NdArray array = scope.allocate(DType.I32, shape);
    backend.upload(values, 0, array);
    return array;
  }

  /** A gradient buffer full of NaN: what is left of it after backward is a mistake. */
  NdArray gradientOf(NdArray value) {
    NdArray gradient = scope.allocate(value.dtype(), value.shape());
    backend.fill(gradient, Double.NaN);
    return gradient;
  }

  double[] values(NdArray array) {
    double[] values = new double[(int) array.size()];
    backend.download(array, values, 0);
    return values;
  }

  double[] values(Tensor tensor) {
    return values(tensor.array());
  }

  @Override
  public void close() {
    scope.close();
    pool.close();
    backend.close();
  }
}

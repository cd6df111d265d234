package dev.firesteel.optim;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.ProductKernels;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The nearest semi-orthogonal matrix, approximately: for {@code G = U S V^T} about {@code U V^T},
 * with singular values between 0.7 and 1.2 (Jordan et al. 2024). From {@code X = G / (|G| + 1e-7)},
 * with the Frobenius norm, each step is
 *
 * <pre>
 * X = a X + b (X X^T) X + c (X X^T)^2 X        a = 3.4445, b = -4.7750, c = 2.0315
 * </pre>
 *
 * <p>or the same with {@code X (X^T X)} where G has more rows than columns, so that the product of
 * X with itself is small. Matmuls have the precision of the backend's, as in a model's layers.
 */
final class NewtonSchulz implements AutoCloseable {
  private static final double A = 3.4445;
  private static final double B = -4.7750;
  private static final double C = 2.0315;
  private static final double EPSILON = 1e-7;

  private final Backend backend;
  private final int steps;
  private final Storage[] large = new Storage[2];
  private final Storage[] square = new Storage[2];

  /**
   * The arrays by the matrix's shape, so that forms that a backend derives from them are reused.
   */
  private final Map<Shape, Work> works = new HashMap<>();

  private record Work(NdArray x, NdArray next, NdArray gram, NdArray polynomial) {}

  /**
   * @param shapes all shapes [rows, columns] that will be passed
   */
  NewtonSchulz(Backend backend, DType dtype, int steps, List<Shape> shapes) {
    this.backend = backend;
    this.steps = steps;
    long largest = shapes.stream().mapToLong(Shape::size).max().orElse(0);
    long side = shapes.stream().mapToLong(NewtonSchulz::side).max().orElse(0);
    for (int i = 0; i < 2; i++) {
      large[i] = backend.allocate(dtype, largest);
      square[i] = backend.allocate(dtype, side * side);
    }
  }

  private static int side(Shape shape) {
    return Math.min(shape.dim(0), shape.dim(1));
  }

  private Work work(Shape shape) {
    Shape gram = Shape.of(side(shape), side(shape));
    return new Work(
        new NdArray(large[0], 0, shape),
        new NdArray(large[1], 0, shape),
        new NdArray(square[0], 0, gram),
        new NdArray(square[1], 0, gram));
  }

  /** The result for a matrix, valid until the next call. */
  NdArray orthogonal(NdArray matrix) {
    Work work = works.computeIfAbsent(matrix.shape(), this::work);
    ElementwiseKernels elementwise = backend.elementwise();
    double norm = Math.sqrt(backend.reductions().sumOfSquares(matrix));
    NdArray x = work.x;
    NdArray next = work.next;
    elementwise.scale(1 / (norm + EPSILON), matrix, x);
    for (int step = 0; step < steps; step++) {
      step(x, next, work.gram, work.polynomial);
      NdArray before = x;
      x = next;
      next = before;
    }
    return x;
  }

  private void step(NdArray x, NdArray next, NdArray gram, NdArray polynomial) {
    ElementwiseKernels elementwise = backend.elementwise();
    ProductKernels products = backend.products();
    boolean tall = x.shape().dim(0) > x.shape().dim(1);
    if (tall) {
      products.linearBackwardWeight(x, x, gram, Write.SET); // x^T x
    } else {
      products.linear(x, x, null, Activation.IDENTITY, null, gram); // x x^T
    }
    products.linearBackwardInput(gram, gram, polynomial, Write.SET);
    elementwise.scale(C, polynomial, polynomial);
    elementwise.addScaled(B, gram, polynomial);
    elementwise.scale(A, x, next);
    if (tall) {
      products.linearBackwardInput(x, polynomial, next, Write.ADD);
    } else {
      products.linearBackwardInput(polynomial, x, next, Write.ADD);
    }
  }

  /** Floating-point operations of one step's three matmuls. */
  static double flopsPerStep(int rows, int columns) {
    double small = Math.min(rows, columns);
    return 2 * small * small * (2.0 * Math.max(rows, columns) + small);
  }

  /** Floats of its arrays. */
  long floats() {
    return 2 * (large[0].size() + square[0].size());
  }

  @Override
  public void close() {
    for (int i = 0; i < 2; i++) {
      backend.free(large[i]);
      backend.free(square[i]);
    }
  }
}

package dev.firesteel.backend.reference;

import dev.firesteel.array.DType;
import dev.firesteel.array.HostMemory;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.LossKernels;
import dev.firesteel.backend.NormKernels;
import dev.firesteel.backend.OptimizerKernels;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.backend.Workspace;

/**
 * The oracle that other backends are tested against: each kernel is a plain loop of the formula in
 * {@link Backend} and its kernel groups, on one thread, for both F32 and F64. Everything between
 * reading an operand and writing a result uses double arithmetic, with {@code StrictMath} for the
 * transcendental functions, so that results are the same on every machine and an F32 result differs
 * from the double result only by the final rounding.
 */
public final class ReferenceBackend extends HostMemory implements Backend {
  private final ReductionKernels reductions = new ReferenceReductions();
  private final ElementwiseKernels elementwise = new ReferenceElementwise(reductions);
  private final ProductKernels products = new ReferenceProducts();
  private final NormKernels norms = new ReferenceNorms(reductions);
  private final AttentionKernels attention = new ReferenceAttention();
  private final LossKernels losses = new ReferenceLosses();
  private final OptimizerKernels optimizer = new ReferenceOptimizer();

  /** The memory that kernels of this backend keep for themselves: none. */
  public static Workspace workspace() {
    return new ReferenceWorkspace();
  }

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String description() {
    return "reference: plain loops on one thread, sums in double";
  }

  @Override
  public String arithmetic() {
    return description();
  }

  @Override
  public boolean supports(DType dtype) {
    return switch (dtype) {
      case F32, F64, I32 -> true;
    };
  }

  @Override
  public ElementwiseKernels elementwise() {
    return elementwise;
  }

  @Override
  public ReductionKernels reductions() {
    return reductions;
  }

  @Override
  public ProductKernels products() {
    return products;
  }

  @Override
  public NormKernels norms() {
    return norms;
  }

  @Override
  public AttentionKernels attention() {
    return attention;
  }

  @Override
  public LossKernels losses() {
    return losses;
  }

  @Override
  public OptimizerKernels optimizer() {
    return optimizer;
  }

  /** Nothing to do: no threads, no native memory. */
  @Override
  public void close() {}
}

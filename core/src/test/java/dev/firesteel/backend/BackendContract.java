package dev.firesteel.backend;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/**
 * What every backend must keep: each kernel against the reference, for awkward sizes, both write
 * modes, views with offsets and every permitted aliasing. There is one contract for the memory and
 * one for each group of kernels; a backend's test extends this class, gives the backend, and so
 * runs all of them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendContract
    implements MemoryContract,
        ElementwiseContract,
        ReductionContract,
        ProductContract,
        NormContract,
        AttentionContract,
        LossContract,
        OptimizerContract {
  private KernelCheck kernels;

  /** The backend to be tested; closed after the last test. */
  protected abstract Backend createBackend();

  /** With the tolerances of the backend. */
  protected KernelCheck checkOf(Backend backend) {
    return new KernelCheck(backend);
  }

  @BeforeAll
  final void create() {
    kernels = checkOf(createBackend());
  }

  @AfterAll
  final void close() {
    if (kernels != null) {
      kernels.backend().close();
    }
  }

  @Override
  public final KernelCheck kernels() {
    return kernels;
  }

  /** All that is said here of matrix products, for a backend that has several kernels of them. */
  protected final void checkProducts() {
    linearWithEveryEpilogue();
    linearReadsLeadingAxesAsRows();
    linearBackward();
    linearSeesAWeightThatWasWritten();
    matmulWithEveryTransposition();
    linearCrossEntropyAndItsGradients();
    linearCrossEntropyAddsUpItsChunksOfRows();
  }
}

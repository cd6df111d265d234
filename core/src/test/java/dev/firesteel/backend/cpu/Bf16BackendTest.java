package dev.firesteel.backend.cpu;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendContract;
import dev.firesteel.backend.KernelCheck;
import dev.firesteel.backend.Precision;

/** The contract of all backends for products of rounded operands. */
class Bf16BackendTest extends BackendContract {
  @Override
  protected Backend createBackend() {
    Bf16Support.assumePresent();
    return new CpuBackend(Precision.BF16, 3);
  }

  @Override
  protected KernelCheck checkOf(Backend backend) {
    return new KernelCheck(backend) {
      /**
       * Each factor is off by at most 2^-9 of itself, so a product by 2^-8; their errors add up
       * like a random walk, whose largest of some 100,000 results is taken as 5 deviations.
       */
      @Override
      public double productTolerance(int terms) {
        return 5 * 0x1p-8 * Math.sqrt(terms);
      }

      /** oneDNN's order of additions depends on the number of rows. */
      @Override
      public boolean rowsKeepTheirBits() {
        return false;
      }

      /** Attention rounds its operands, for sequences of any length. */
      @Override
      public double attentionTolerance(int terms) {
        return 0x1.8p-6;
      }
    };
  }
}

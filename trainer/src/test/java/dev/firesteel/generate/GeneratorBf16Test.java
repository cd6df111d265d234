package dev.firesteel.generate;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.error.UserException;

class GeneratorBf16Test extends GeneratorContract {
  GeneratorBf16Test() {
    // oneDNN chooses its order of additions by the number of rows, and a last bit that differs
    // may round an operand the other way, by 2^-8 of it; attention rounds its operands in whole
    // sequences alone, from 128 tokens on, and not beside the cache.
    super(backend(), 0.05f, 0.1f);
  }

  private static Backend backend() {
    try {
      return new CpuBackend(Precision.BF16, 2);
    } catch (UserException e) {
      return abort(e.getMessage());
    }
  }
}

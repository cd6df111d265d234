package dev.firesteel.generate;

import dev.firesteel.backend.reference.ReferenceBackend;

class GeneratorReferenceTest extends GeneratorContract {
  GeneratorReferenceTest() {
    super(new ReferenceBackend(), 0);
  }
}

package dev.firesteel.generate;

import dev.firesteel.backend.reference.ReferenceBackend;

class RolloutsReferenceTest extends RolloutsContract {
  RolloutsReferenceTest() {
    super(new ReferenceBackend());
  }
}

package dev.firesteel.backend.reference;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendContract;

/** The reference in F32 against itself in F64: only the roundings of stored values differ. */
class ReferenceBackendTest extends BackendContract {
  @Override
  protected Backend createBackend() {
    return new ReferenceBackend();
  }
}

package dev.firesteel.backend.choice;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Workspace;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.backend.opencl.OpenClBackend;
import dev.firesteel.backend.reference.ReferenceBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the backend that a run requests, never a substitute. */
public final class Backends {
  private static final Logger LOG = LoggerFactory.getLogger(Backends.class);

  private Backends() {}

  /**
   * The backend of {@code options}.
   *
   * @throws dev.firesteel.error.UserException if this machine cannot provide it
   */
  public static Backend create(BackendOptions options) {
    Backend backend =
        switch (options.kind()) {
          case CPU -> new CpuBackend(options.precision(), options.threads());
          case OPENCL ->
              options.tune()
                  ? OpenClBackend.tuned(options.device())
                  : new OpenClBackend(options.device());
          case REFERENCE -> new ReferenceBackend();
        };
    LOG.debug("Backend {}", backend.description());
    return backend;
  }

  /**
   * The memory that the kernels of the backend described by {@code options} keep for themselves.
   * Creates no backend and needs no device.
   */
  public static Workspace workspace(BackendOptions options) {
    return switch (options.kind()) {
      case CPU -> CpuBackend.workspace(options.precision(), options.threads());
      case OPENCL -> OpenClBackend.workspace();
      case REFERENCE -> ReferenceBackend.workspace();
    };
  }
}

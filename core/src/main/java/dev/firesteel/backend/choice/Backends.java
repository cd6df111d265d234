package dev.firesteel.backend.choice;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.Workspace;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.backend.opencl.OpenClBackend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.error.UserException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the backend that a run asks for; never another one in its place. */
public final class Backends {
  private static final Logger LOG = LoggerFactory.getLogger(Backends.class);
  private static final List<String> NAMES = List.of("cpu", "opencl", "reference");

  private Backends() {}

  /** The names that {@link #create} knows. */
  public static List<String> names() {
    return NAMES;
  }

  /**
   * The backend named in {@code options}.
   *
   * @throws UserException when there is none of that name, or it lacks the precision
   */
  public static Backend create(BackendOptions options) {
    Backend backend =
        switch (options.name()) {
          case "cpu" -> new CpuBackend(options.precision(), options.threads());
          case "opencl" -> {
            requireFp32(options);
            yield options.tune()
                ? OpenClBackend.tuned(options.device())
                : new OpenClBackend(options.device());
          }
          case "reference" -> {
            requireFp32(options);
            yield new ReferenceBackend();
          }
          default -> throw unknown(options);
        };
    LOG.debug("Backend {}", backend.description());
    return backend;
  }

  /**
   * What the kernels of the backend named in {@code options} keep for themselves. Makes no backend
   * and needs no device.
   *
   * @throws UserException when there is none of that name, or it lacks the precision
   */
  public static Workspace workspace(BackendOptions options) {
    return switch (options.name()) {
      case "cpu" -> CpuBackend.workspace(options.precision(), options.threads());
      case "opencl" -> {
        requireFp32(options);
        yield OpenClBackend.workspace();
      }
      case "reference" -> {
        requireFp32(options);
        yield ReferenceBackend.workspace();
      }
      default -> throw unknown(options);
    };
  }

  private static UserException unknown(BackendOptions options) {
    return UserException.usage(
        "compute.backend must be one of " + String.join(", ", NAMES) + ", got " + options.name());
  }

  private static void requireFp32(BackendOptions options) {
    if (options.precision() != Precision.FP32) {
      throw UserException.usage(
          "compute.backend "
              + options.name()
              + " computes in fp32 only, got precision "
              + options.precision()
              + "; set compute.precision to fp32 or choose another backend");
    }
  }
}

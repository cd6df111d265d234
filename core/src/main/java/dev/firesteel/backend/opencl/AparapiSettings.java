package dev.firesteel.backend.opencl;

import com.aparapi.Config;
import com.aparapi.internal.kernel.KernelRunner;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Settings of Aparapi for the whole JVM. */
final class AparapiSettings {
  /** Kept, because the log manager holds loggers weakly. */
  private static final Logger LOG = Logger.getLogger(Config.getLoggerName());

  private AparapiSettings() {}

  /**
   * Silences Aparapi's own log, which prints stack traces and warnings about class files on
   * standard error and continues; failures that matter are reported to the caller. Also leaves the
   * caching of binaries to the driver, because Aparapi's own cache fails if a platform has several
   * devices.
   */
  static void apply() {
    LOG.setLevel(Level.OFF);
    KernelRunner.BINARY_CACHING_DISABLED = true;
  }
}

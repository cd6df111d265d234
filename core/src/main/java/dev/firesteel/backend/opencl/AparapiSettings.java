package dev.firesteel.backend.opencl;

import com.aparapi.Config;
import com.aparapi.internal.kernel.KernelRunner;
import java.util.logging.Level;
import java.util.logging.Logger;

/** What we set of Aparapi for the whole JVM. */
final class AparapiSettings {
  /** Held, since the log manager keeps loggers weakly. */
  private static final Logger LOG = Logger.getLogger(Config.getLoggerName());

  private AparapiSettings() {}

  /**
   * Keeps Aparapi's own log still: it prints stack traces and warnings about class files on
   * standard error, and goes on; what matters of it comes back to us as a failure. And leaves the
   * caching of binaries to the driver: Aparapi's own fails where a platform has several devices.
   */
  static void apply() {
    LOG.setLevel(Level.OFF);
    KernelRunner.BINARY_CACHING_DISABLED = true;
  }
}

package dev.firesteel.backend.opencl;

import com.aparapi.Config;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Keeps Aparapi's own log still: it prints stack traces and warnings about class files on standard
 * error, and goes on; what matters of it comes back to us as a failure.
 */
final class Quiet {
  /** Held, since the log manager keeps loggers weakly. */
  private static final Logger APARAPI = Logger.getLogger(Config.getLoggerName());

  private Quiet() {}

  static void apply() {
    APARAPI.setLevel(Level.OFF);
  }
}

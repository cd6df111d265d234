package dev.firesteel.backend.opencl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks whether the JVM's signal handlers stay in place regardless of the driver.
 *
 * <p>Threads of a JVM fault on purpose, for instance to stop for a garbage collection, and its
 * SIGSEGV handler resumes them. The compiler in a driver may install its own handler; LLVM's
 * removes itself at the first fault and restores the JVM's, and a second thread that faults in
 * between ends the process without a message. The JDK's library {@code libjsig}, loaded before all
 * others, keeps the JVM's handlers and chains others behind them.
 */
final class SignalChaining {
  private static final Logger LOG = LoggerFactory.getLogger(SignalChaining.class);

  private static final Path MAPS = Path.of("/proc/self/maps");
  private static final String LIBRARY = "libjsig.so";

  private SignalChaining() {}

  /** Warns if the library is not loaded, as far as this can be determined: on Linux. */
  static void check() {
    if (Files.isReadable(MAPS)) {
      try {
        missing(MAPS).ifPresent(LOG::warn);
      } catch (IOException e) {
        LOG.debug("{} cannot be read", MAPS, e);
      }
    }
  }

  /** The advice if the library is not among the mapped files of a process. */
  static Optional<String> missing(Path maps) throws IOException {
    // Paths may be in any encoding.
    if (Files.readString(maps, StandardCharsets.ISO_8859_1).contains("/" + LIBRARY + "\n")) {
      return Optional.empty();
    }
    return Optional.of(
        "An OpenCL driver may replace signal handlers of the JVM, which then sometimes crashes silently;"
            + " start it with the environment variable LD_PRELOAD="
            + Path.of(System.getProperty("java.home"), "lib", LIBRARY));
  }
}

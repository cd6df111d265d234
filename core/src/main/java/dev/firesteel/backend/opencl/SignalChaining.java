package dev.firesteel.backend.opencl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether the JVM's signal handlers stay in place whatever a driver does.
 *
 * <p>Threads of a JVM fault on purpose, for instance to halt for a garbage collection, and its
 * handler of SIGSEGV lets them go on. The compiler in a driver may install a handler of its own;
 * LLVM's is taken away by the first fault and puts the JVM's back, and a second thread that faults
 * meanwhile ends the process without a word. The JDK's library {@code libjsig}, loaded before all
 * others, keeps the JVM's handlers and calls others behind them.
 */
final class SignalChaining {
  private static final Logger LOG = LoggerFactory.getLogger(SignalChaining.class);

  private static final Path MAPS = Path.of("/proc/self/maps");
  private static final String LIBRARY = "libjsig.so";

  private SignalChaining() {}

  /** Warns where the library is not loaded, as far as that can be known: on Linux. */
  static void check() {
    if (Files.isReadable(MAPS)) {
      try {
        missing(MAPS).ifPresent(LOG::warn);
      } catch (IOException e) {
        LOG.debug("{} cannot be read", MAPS, e);
      }
    }
  }

  /** What to do, if the library is not among the files that a process has mapped. */
  static Optional<String> missing(Path maps) throws IOException {
    // Paths may be in any encoding.
    if (Files.readString(maps, StandardCharsets.ISO_8859_1).contains("/" + LIBRARY + "\n")) {
      return Optional.empty();
    }
    return Optional.of(
        "An OpenCL driver may take signals from the JVM, which then ends without a word at times;"
            + " start it with the environment variable LD_PRELOAD="
            + Path.of(System.getProperty("java.home"), "lib", LIBRARY));
  }
}

package dev.firesteel.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@EnabledOnOs(OS.LINUX)
class SignalChainingTest {
  /** Without the library one in seven or so ended the process, with PoCL 3.1 on two cores. */
  private static final int BUILDS = 40;

  @TempDir private Path folder;

  @Test
  void tellsWhetherTheLibraryIsLoaded() throws IOException {
    String others =
        """
        7f11d2a00000-7f11d2a28000 r--p 00000000 08:01 264 /usr/lib/x86_64-linux-gnu/libc.so.6
        7ffd1c5d3000-7ffd1c5f4000 rw-p 00000000 00:00 0 [stack]
        """;
    Path maps = folder.resolve("maps");
    Files.writeString(
        maps, "7f11d2900000-7f11d2901000 r--p 00000000 08:01 9 /jdk/lib/libjsig.so\n" + others);
    assertThat(SignalChaining.missing(maps)).isEmpty();
    Files.writeString(maps, others);
    assertThat(SignalChaining.missing(maps).orElseThrow())
        .endsWith("LD_PRELOAD=" + System.getProperty("java.home") + "/lib/libjsig.so");
  }

  @Test
  @Timeout(120)
  void aProcessOutlivesTheSignalHandlersOfTheDriversCompiler() throws Exception {
    try (OpenClBackend backend = OpenClSupport.open()) {
      fill(backend); // The driver compiles for long the first time, and keeps what it compiled.
    }
    assumeTrue(Runtime.getRuntime().availableProcessors() > 1, "needs two threads at a time");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseG1GC",
                "-Xmx512m",
                "-cp",
                System.getProperty("java.class.path"),
                SignalChainingTest.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("out").toFile())
            .start();
    try {
      assertThat(process.waitFor(100, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).as(Files.readString(folder.resolve("out"))).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  /** Lets threads fault together, as they do for each collection, after each build. */
  public static void main(String[] arguments) {
    for (int n = 0; n < 3; n++) {
      Thread busy = new Thread(SignalChainingTest::work);
      busy.setDaemon(true);
      busy.start();
    }
    for (int n = 0; n < BUILDS; n++) {
      try (OpenClBackend backend = new OpenClBackend("")) {
        fill(backend);
      }
      for (int times = 0; times < 3; times++) {
        System.gc();
      }
    }
  }

  private static void fill(OpenClBackend backend) {
    backend.fill(new NdArray(backend.allocate(DType.F32, 16), 0, Shape.of(16)), 1);
  }

  private static void work() {
    long sum = 0;
    for (int i = 0; sum != Long.MAX_VALUE; i++) {
      sum ^= i * 31L;
    }
  }
}

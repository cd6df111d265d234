package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Promise 1: every kernel's bits are the same for any thread count, vector width, CPU and JDK. */
class SameBitsTest {
  private static final String VECTOR_MODULE = "--add-modules=jdk.incubator.vector";
  private static Map<String, Long> expected;

  @BeforeAll
  static void digestOfScalarsOnOneThread() {
    expected = KernelDigest.of(1, Simd.Choice.SCALAR);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void vectorsGiveTheBitsOfScalarsOnAnyNumberOfThreads(int threads) {
    assertThat(KernelDigest.of(threads, Simd.Choice.VECTOR)).isEqualTo(expected);
  }

  @Test
  void scalarsGiveTheSameBitsOnThreeThreads() {
    assertThat(KernelDigest.of(3, Simd.Choice.SCALAR)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void narrowerVectorsGiveTheSameBits(int avx) throws Exception {
    assumeThat(System.getProperty("os.arch")).as("AVX is x86's").isEqualTo("amd64");
    assertThat(
            digestOf(Path.of(System.getProperty("java.home")), "-XX:UseAVX=" + avx, VECTOR_MODULE))
        .isEqualTo(expected);
  }

  @Test
  void interpretedCodeGivesTheSameBits() throws Exception {
    assertThat(digestOf(Path.of(System.getProperty("java.home")), "-Xint")).isEqualTo(expected);
  }

  @Test
  void withoutTheVectorModuleTheBitsAreTheSame() throws Exception {
    assertThat(digestOf(Path.of(System.getProperty("java.home")))).isEqualTo(expected);
  }

  @Test
  void otherJdksGiveTheSameBits() throws Exception {
    List<Path> others = otherJdks();
    assumeThat(others).as("another JDK beside this one").isNotEmpty();
    for (Path home : others) {
      assertThat(digestOf(home, VECTOR_MODULE)).as(home.toString()).isEqualTo(expected);
    }
  }

  /** JDKs of at least 17 beside the running one, as Linux distributions lay them. */
  private static List<Path> otherJdks() throws IOException {
    Path running = Path.of(System.getProperty("java.home")).toRealPath();
    Path parent = running.getParent();
    try (Stream<Path> homes = Files.list(parent)) {
      return homes
          .filter(SameBitsTest::hasVectorModule)
          .filter(home -> !home.equals(running) && !Files.isSymbolicLink(home))
          .toList();
    }
  }

  private static boolean hasVectorModule(Path home) {
    try {
      Path release = home.resolve("release");
      return Files.isExecutable(home.resolve("bin/java"))
          && Files.exists(release)
          && Files.readString(release).contains("jdk.incubator.vector");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Long> digestOf(Path javaHome, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(javaHome.resolve("bin/java").toString());
    command.add("-Xmx512m");
    command.addAll(List.of(options));
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(KernelDigest.class.getName());
    command.add("2");
    Path output = Files.createTempFile("digest", ".txt");
    Path errors = Files.createTempFile("digest", ".err");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectOutput(output.toFile())
              .redirectError(errors.toFile())
              .start();
      boolean ended = process.waitFor(5, TimeUnit.MINUTES);
      process.destroyForcibly();
      assertThat(ended).as("ended: %s", command).isTrue();
      assertThat(process.exitValue())
          .as("exit of %s: %s", command, Files.readString(errors))
          .isZero();
      Map<String, Long> digests = new LinkedHashMap<>();
      for (String line : Files.readAllLines(output, StandardCharsets.UTF_8)) {
        int space = line.lastIndexOf(' ');
        digests.put(
            line.substring(0, space), Long.parseUnsignedLong(line.substring(space + 1), 16));
      }
      return digests;
    } finally {
      Files.delete(output);
      Files.delete(errors);
    }
  }
}

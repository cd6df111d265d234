package dev.firesteel.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.benchmarks.Contender.Kind;
import dev.firesteel.benchmarks.Contender.Turn;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContenderTest {
  private static final Path JAVA = Path.of(System.getProperty("java.home"));

  @BeforeEach
  void needsLinux() {
    assumeThat(Path.of("/proc/self/stat")).as("contenders are stopped by signals").exists();
  }

  @Test
  void doesItsWorkAndIsStoppedInBetween() throws Exception {
    ProcessHandle child;
    List<ProcessHandle> before = ProcessHandle.current().children().toList();
    List<ProcessHandle> started;
    try (Contender contender =
        new Contender(Kind.FIRESTEEL_FP32, "Idle", "nothing", 1, JAVA, List.of("-Xmx64m"))) {
      child = ProcessHandle.of(contender.pid()).orElseThrow();
      awaitStopped(child);
      assertThat(contender.check()).containsExactly(1);
      Turn turn = contender.run(3);
      assertThat(turn.told()).hasSize(3);
      awaitStopped(child);
      started = ProcessHandle.current().children().filter(each -> !before.contains(each)).toList();
    }
    assertThat(started).contains(child).hasSizeGreaterThan(1);
    for (ProcessHandle each : started) {
      each.onExit().get(1, TimeUnit.MINUTES);
    }
  }

  @ParameterizedTest
  @CsvSource({"KILL, 9", "TERM, 15", "INT, 2", "HUP, 1"})
  void endsWithItsParentThoughItIsStopped(String name, int signal) throws Exception {
    assumeThat(isIgnored(signal))
        .as("SIG%s is ignored by these tests, as under nohup, and by all that they start", name)
        .isFalse();
    Process parent =
        new ProcessBuilder(
                JAVA.resolve(Path.of("bin", "java")).toString(),
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                ContenderParent.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    ProcessHandle child = null;
    try (BufferedReader out = parent.inputReader()) {
      child = ProcessHandle.of(Long.parseLong(out.readLine())).orElseThrow();
      awaitStopped(child);
      List<ProcessHandle> family = parent.descendants().toList();
      assertThat(family).contains(child);

      new ProcessBuilder("kill", "-" + name, Long.toString(parent.pid())).start().waitFor();
      assertThat(parent.waitFor(1, TimeUnit.MINUTES)).isTrue();
      for (ProcessHandle each : family) {
        each.onExit().get(1, TimeUnit.MINUTES);
      }
    } finally {
      parent.destroyForcibly();
      if (child != null) {
        child.destroyForcibly();
      }
    }
  }

  /** Whether this process ignores a signal; child processes inherit that. */
  private static boolean isIgnored(int signal) throws Exception {
    String mask =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("SigIgn:"))
            .map(line -> line.replaceFirst("SigIgn:\\s*", ""))
            .findFirst()
            .orElseThrow();
    return (Long.parseUnsignedLong(mask, 16) >> (signal - 1) & 1) != 0;
  }

  /** The kernel stops a process some time after the signal. */
  private static void awaitStopped(ProcessHandle process) throws Exception {
    Path stat = Path.of("/proc", Long.toString(process.pid()), "stat");
    while (!Files.readString(stat).replaceFirst(".*\\) ", "").startsWith("T")) {
      Thread.sleep(10);
    }
  }
}

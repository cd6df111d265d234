package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class FiresteelTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void helpGoesToStandardOutput() {
    assertThat(firesteel("--help")).isZero();
    assertThat(text(out)).startsWith("Usage: firesteel").contains("doctor");
    assertThat(text(err)).isEmpty();
  }

  @Test
  void helpOfACommandShowsExamples() {
    assertThat(firesteel("doctor", "--help")).isZero();
    assertThat(text(out)).contains("Examples:", "./firesteel doctor");
  }

  @Test
  void anUnknownCommandNamesTheNearestKnownOne() {
    assertThat(firesteel("docter")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: unknown command \"docter\", the nearest is \"doctor\"; firesteel --help"
                + " shows what is possible");
    assertThat(text(out)).isEmpty();
  }

  @Test
  void anUnknownOptionNamesTheNearestKnownOne() {
    assertThat(firesteel("doctor", "--verbos")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: unknown option \"--verbos\", the nearest is \"--verbose\"; firesteel doctor"
                + " --help shows what is possible");
  }

  @Test
  void noCommandIsWrongUsage() {
    assertThat(firesteel()).isEqualTo(2);
    assertThat(text(err)).startsWith("firesteel: a command is required");
  }

  @Test
  void aModelsBackendIsCheckedBeforeTheModelIsRead() {
    assertThat(firesteel("generate", "none", "--prompt", "a", "--backend", "gpu")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: --backend must be one of cpu, opencl, reference, got gpu");
    err.reset();
    assertThat(
            firesteel(
                "generate", "none", "--prompt", "a", "--backend", "opencl", "--precision", "bf16"))
        .isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: --precision must be fp32 for the backend opencl, got bf16");
    err.reset();
    assertThat(firesteel("generate", "none", "--prompt", "a", "--device", "0")).isEqualTo(2);
    assertThat(text(err)).contains("--device is for the backend opencl, got 0 for cpu");
    assertThat(firesteel("generate", "none", "--prompt", "a", "--no-tune")).isEqualTo(2);
    assertThat(text(err)).contains("--no-tune is for the backend opencl, got cpu");
    assertThat(firesteel("pretrain", "--no-tune", "data.source=a")).isEqualTo(2);
    assertThat(text(err))
        .contains("compute.tune, or --no-tune, is for the backend opencl, got cpu");
  }

  @Test
  void theVersionOfAnUnpackagedBuildIsNotMadeUp() {
    assertThat(firesteel("--version")).isZero();
    assertThat(text(out)).isEqualToIgnoringNewLines("firesteel (not packaged)");
  }

  /** An exit would end this test's process, as it would end YARN's application master. */
  @Test
  void inAProcessOfTheClustersTheEndIsAReturn() {
    System.setProperty("spark.submit.deployMode", "cluster");
    try {
      Firesteel.main(new String[] {"--version"});
    } finally {
      System.clearProperty("spark.submit.deployMode");
    }
  }

  private int firesteel(String... args) {
    return Firesteel.run(args, print(out), print(err));
  }

  private static PrintStream print(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}

package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "xyz --help | \"xyz\", the commands are prepare, tokenizer, pretrain, sft, reward, ",
        "--help xyz | \"xyz\", the commands are ",
        "xyz | \"xyz\", the commands are ",
        "pretran -h | \"pretran\", the nearest is \"pretrain\"; ",
        "evaluate --version | \"evaluate\", the nearest is \"eval\"; ",
      })
  void anUnknownCommandIsOneWithHelpToo(String line, String answer) {
    assertThat(firesteel(line.split(" ", -1))).isEqualTo(2);
    assertThat(text(err)).startsWith("firesteel: unknown command " + answer);
    assertThat(text(out)).isEmpty();
  }

  @Test
  void anUnknownOptionIsOneWithHelpToo() {
    assertThat(firesteel("plan", "--confg", "--help")).isEqualTo(2);
    assertThat(text(err)).startsWith("firesteel: unknown option \"--confg\", the nearest is");
  }

  @Test
  void anArgumentThatBeginsWithAnAtIsNoFileOfArguments(@TempDir Path folder) throws Exception {
    Path note = Files.writeString(folder.resolve("note"), "--seed\n");

    for (String prompt : List.of("@" + note, "@@interface", "@Override")) {
      err.reset();
      assertThat(firesteel("generate", "none", "compute.device=" + prompt, "--stop", prompt))
          .isEqualTo(2);
      assertThat(text(err)).contains(", got " + prompt + " for cpu: ");
    }
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
    refused(
        "compute.backend must be one of cpu, opencl, reference, got \"gpu\" in the command line",
        "compute.backend=gpu");
    refused(
        "compute.precision must be fp32 for the backend opencl, got bf16: set compute.precision to"
            + " fp32 or compute.backend to cpu",
        "compute.backend=opencl",
        "compute.precision=bf16");
    refused(
        "compute.device is for the backend opencl, got 0 for cpu: leave it out or set"
            + " compute.backend to opencl",
        "compute.device=0");
    refused(
        "compute.tune is for the backend opencl, got cpu: leave it out or set compute.backend to"
            + " opencl",
        "compute.tune=false");
    refused("compute.threads must be at least 0, got -1", "compute.threads=-1");
    refused(
        "unknown key \"training\" in the command line: the keys here are compute",
        "training.steps=3");
  }

  private void refused(String message, String... overrides) {
    err.reset();
    List<String> arguments = new ArrayList<>(List.of("generate", "none"));
    arguments.addAll(List.of(overrides));
    assertThat(firesteel(arguments.toArray(String[]::new))).isEqualTo(2);
    assertThat(text(err)).isEqualToIgnoringNewLines("firesteel: " + message);
  }

  @Test
  void theVersionOfAnUnpackagedBuildIsNotMadeUp() {
    assertThat(firesteel("--version")).isZero();
    assertThat(text(out)).isEqualToIgnoringNewLines("firesteel (not packaged)");
  }

  /** In a process of its own: a JVM's encoding of arguments is fixed before {@code main}. */
  @Test
  void anArgumentThatTheLocaleGarbledIsRefusedWithTheSetting() throws Exception {
    var builder = new ProcessBuilder("bash", "-c", "exec \"$@\" $'na\\xc3\\xafve'", "bash");
    builder
        .command()
        .addAll(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-cp",
                System.getProperty("java.class.path"),
                Firesteel.class.getName(),
                "generate",
                "none",
                "--prompt"));
    builder.environment().put("LC_ALL", "C");
    Process process = builder.start();
    String said = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);

    assertThat(process.waitFor()).as(said).isEqualTo(2);
    assertThat(said)
        .contains("firesteel: the argument \"na", "encoding of the locale, got ANSI_X3.4-1968")
        .contains("set LC_ALL=C.UTF-8");
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

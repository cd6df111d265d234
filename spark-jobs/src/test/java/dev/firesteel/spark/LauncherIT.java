package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher, in a copy of the project that holds the built jar and no sources. */
class LauncherIT {
  @TempDir private Path temporary;
  private final List<Path> links = new ArrayList<>();
  private Path root;

  @BeforeEach
  void copyTheProject() throws IOException {
    Path project = SparkCluster.built("firesteel.jvm.options").resolve("../../..").normalize();
    Path jar = SparkCluster.built("firesteel.job.jar");
    root = temporary.resolve("a folder with spaces");
    for (String folder :
        new String[] {
          "src/build",
          ".mvn",
          "core/src/main",
          "trainer/src/main",
          "spark-jobs/src/main",
          "spark-jobs/target",
          "spark-home/target/spark"
        }) {
      Files.createDirectories(root.resolve(folder));
    }
    for (String file :
        new String[] {
          "firesteel",
          "pom.xml",
          "core/pom.xml",
          "trainer/pom.xml",
          "spark-home/pom.xml",
          "spark-jobs/pom.xml",
          "src/build/jvm.options"
        }) {
      Files.copy(project.resolve(file), root.resolve(file));
    }
    Path target = root.resolve("spark-jobs/target");
    link(target.resolve(jar.getFileName()), jar);
    link(
        root.resolve("spark-home/target/spark/jars"),
        SparkCluster.built("firesteel.spark.home").resolve("jars"));
    Files.writeString(root.resolve("mvnw"), "#!/bin/sh\necho '[ERROR] no compiler here'; exit 1\n");
    assertThat(root.resolve("mvnw").toFile().setExecutable(true)).isTrue();
    Files.createFile(target.resolve("launcher-build"));
  }

  @Test
  void startsFromAnyFolderThroughALinkAndSaysNothingOfItsOwn() throws Exception {
    Path link = link(temporary.resolve("link"), root.resolve("firesteel"));

    SparkCluster.Outcome outcome = run(Map.of(), link.toString(), "--version");

    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out()).matches("firesteel [0-9]\\S+\\R");
    assertThat(outcome.exitCode()).isZero();
  }

  @Test
  void passesTheExitCodeOn() throws Exception {
    SparkCluster.Outcome outcome = run(Map.of(), root.resolve("firesteel").toString(), "nonsense");

    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.err()).startsWith("firesteel: unknown command \"nonsense\"").hasLineCount(1);
  }

  @Test
  void passesTheUsersJvmOptionsOn() throws Exception {
    SparkCluster.Outcome outcome =
        run(
            Map.of("FIRESTEEL_JAVA_OPTS", "-Xmx64m -XX:NoSuchOption=1"),
            root.resolve("firesteel").toString(),
            "--version");

    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err() + outcome.out()).contains("NoSuchOption");
  }

  @Test
  void sourcesNewerThanTheBuildAreBuiltAndAFailureIsShown() throws Exception {
    Path source = Files.createFile(root.resolve("core/src/main/New.java"));
    Files.setLastModifiedTime(source, FileTime.fromMillis(System.currentTimeMillis() + 10_000));

    SparkCluster.Outcome outcome = run(Map.of(), root.resolve("firesteel").toString(), "--version");

    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err())
        .contains("firesteel: building ...", "[ERROR] no compiler here", "the build failed");
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "unset",
      value = {"C,unset", "POSIX,de_DE.UTF-8", "unset,unset", "unset,no_SUCH.UTF-8", "unset,C"})
  void whereTheLocaleHoldsAsciiOnlyJavaStartsInUtf8(String all, String lang) throws Exception {
    assertThat(localeOfJava(all, lang)).isEqualTo("C.UTF-8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"C.UTF-8", "C.utf8"})
  void aLocaleOfUtf8StaysAsItIs(String lang) throws Exception {
    assertThat(localeOfJava(null, lang)).isEmpty();
    assertThat(localeOfJava(lang, "C")).isEqualTo(lang);
  }

  /** What LC_ALL is when the launcher starts Java; here a script that prints it. */
  private String localeOfJava(String all, String lang) throws Exception {
    Path bin = Files.createDirectories(temporary.resolve("java/bin"));
    Path java =
        Files.writeString(
            bin.resolve("java"),
            """
            #!/bin/sh
            if [ "$1" = -version ]; then echo 'openjdk version "17.0.1"'; else echo "$LC_ALL"; fi
            """);
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Map<String, String> environment = new HashMap<>();
    environment.put("JAVA_HOME", temporary.resolve("java").toString());
    environment.put("LC_ALL", all);
    environment.put("LANG", lang);
    environment.put("LC_CTYPE", null);
    SparkCluster.Outcome outcome = run(environment, root.resolve("firesteel").toString());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return outcome.out().strip();
  }

  @Test
  void dataIsTheSameInEveryLocale() throws Exception {
    Path texts = Files.createDirectory(temporary.resolve("texts"));
    // The names as bytes: this JVM, too, may be in the locale C.
    Path script =
        Files.writeString(
            temporary.resolve("files"),
            """
            cd "$1"
            mkdir $'caf\\xc3\\xa9'
            echo one > $'caf\\xc3\\xa9/gr\\xc3\\xb6\\xc3\\x9fe.txt'
            echo two > $'caf\\xc3\\xa9/plain.txt'
            echo three > $'\\xe6\\x97\\xa5\\xe6\\x9c\\xac.txt'
            echo four > plain.txt
            """);
    assertThat(run(Map.of(), "bash", script.toString(), texts.toString()).exitCode()).isZero();

    SparkCluster.Outcome outcome =
        run(
            // Its small I has no dot.
            Map.of("LC_ALL", "C", "FIRESTEEL_JAVA_OPTS", "-Duser.language=tr -Duser.country=TR"),
            root.resolve("firesteel").toString(),
            "prepare",
            "data.source=" + texts,
            "data.path=" + temporary.resolve("data"),
            "tokenizer.kind=byte");

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("Reading 4 files", "kept 4");

    SparkCluster.Outcome again =
        run(
            Map.of(
                "LC_ALL", "C.UTF-8", "FIRESTEEL_JAVA_OPTS", "-Duser.language=ar -Duser.country=SA"),
            root.resolve("firesteel").toString(),
            "prepare",
            "data.source=" + texts,
            "data.path=" + temporary.resolve("data"),
            "tokenizer.kind=byte");

    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(again.out()).contains("Read 4 documents", " is up to date");
  }

  @Test
  void aJavaThatIsTooOldIsRefused() throws Exception {
    Path bin = Files.createDirectories(temporary.resolve("old/bin"));
    Path java =
        Files.writeString(bin.resolve("java"), "#!/bin/sh\necho 'openjdk version \"11.0.2\"'\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();

    SparkCluster.Outcome outcome =
        run(
            Map.of("JAVA_HOME", temporary.resolve("old").toString()),
            root.resolve("firesteel").toString(),
            "--version");

    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err())
        .startsWith("firesteel: Java 17 or later is required, got Java 11")
        .hasLineCount(1);
  }

  @Test
  void aSignalEndsTheProcessWithItsCodeAndLeavesNoFolder() throws Exception {
    Path scratch = Files.createDirectory(temporary.resolve("scratch"));
    Process process =
        start(
            Map.of("FIRESTEEL_JAVA_OPTS", "-Djava.io.tmpdir=" + scratch),
            root.resolve("firesteel").toString(),
            "doctor");
    // The folder of the session appears after the signals are taken over.
    while (process.isAlive() && noFolderOfOurs(scratch)) {
      Thread.sleep(20);
    }
    assertThat(process.isAlive()).as("still at work").isTrue();

    process.destroy(); // SIGTERM

    SparkCluster.Outcome outcome = outcome(process);
    assertThat(outcome.exitCode()).as(outcome.err()).isEqualTo(130);
    assertThat(outcome.err()).isEmpty();
    assertThat(noFolderOfOurs(scratch)).isTrue();
  }

  @Test
  void aSignalEndsMavenTooWhileItCollectsSources() throws Exception {
    // A copy instead of the link: the recipe and Maven are found from where the jar really is.
    Path jar = SparkCluster.built("firesteel.job.jar");
    Files.copy(
        jar,
        root.resolve("spark-jobs/target").resolve(jar.getFileName()),
        StandardCopyOption.REPLACE_EXISTING);
    Path recipe = Files.createDirectories(root.resolve("datasets/java-sources"));
    Files.writeString(recipe.resolve("pom.xml"), "<project/>");
    Path pid = temporary.resolve("pid");
    Files.writeString(
        root.resolve("mvnw"), "#!/bin/sh\necho $$ >'%s'\nexec sleep 300\n".formatted(pid));
    Process process =
        start(
            Map.of(), root.resolve("firesteel").toString(), "prepare", "data.source=java-sources");
    while (process.isAlive() && !(Files.exists(pid) && Files.size(pid) > 0)) {
      Thread.sleep(20);
    }
    assertThat(process.isAlive()).as("still collecting").isTrue();
    ProcessHandle maven = ProcessHandle.of(Long.parseLong(Files.readString(pid).strip())).get();

    process.destroy(); // SIGTERM, to this process alone

    SparkCluster.Outcome outcome = outcome(process);
    assertThat(outcome.exitCode()).as(outcome.err()).isEqualTo(130);
    assertThat(outcome.err()).isEmpty();
    maven.onExit().get(10, TimeUnit.SECONDS);
  }

  private static boolean noFolderOfOurs(Path scratch) throws IOException {
    try (Stream<Path> paths = Files.list(scratch)) {
      return paths.noneMatch(path -> path.getFileName().toString().startsWith("firesteel-"));
    }
  }

  private Path link(Path link, Path target) throws IOException {
    links.add(Files.createSymbolicLink(link, target));
    return link;
  }

  /** JUnit warns of each link that its own deletion finds. */
  @AfterEach
  void deleteLinks() throws IOException {
    for (Path link : links) {
      Files.delete(link);
    }
  }

  private SparkCluster.Outcome run(Map<String, String> environment, String... command)
      throws Exception {
    return outcome(start(environment, command));
  }

  private Process start(Map<String, String> environment, String... command) throws IOException {
    var builder =
        new ProcessBuilder(command)
            .directory(temporary.toFile())
            .redirectOutput(temporary.resolve("out").toFile())
            .redirectError(temporary.resolve("err").toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    environment.forEach(
        (name, value) -> {
          if (value == null) {
            builder.environment().remove(name);
          } else {
            builder.environment().put(name, value);
          }
        });
    return builder.start();
  }

  private SparkCluster.Outcome outcome(Process process) throws Exception {
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("the launcher hangs");
    }
    return new SparkCluster.Outcome(
        process.exitValue(),
        Files.readString(temporary.resolve("out"), StandardCharsets.UTF_8),
        Files.readString(temporary.resolve("err"), StandardCharsets.UTF_8));
  }
}

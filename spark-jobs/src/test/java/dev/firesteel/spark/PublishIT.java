package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Publishes the artifacts of a copy of the sources to a folder, with the command of docs/jvm.md,
 * and runs the example project with them. Takes minutes, so only with {@code
 * -Dfiresteel.deploy=true}.
 */
class PublishIT {
  /** What a checkout has beside its sources: build outputs, and what commands write at the top. */
  private static final Set<String> OUTPUTS = Set.of("target", ".git", "cache");

  private static final Set<String> TOP_OUTPUTS = Set.of("runs", "data");

  @TempDir private Path temporary;

  /** JUnit warns of each link that its own deletion finds. */
  private final List<Path> links = new ArrayList<>();

  @BeforeEach
  void onlyWhenAskedFor() {
    assumeTrue(
        Boolean.getBoolean("firesteel.deploy"),
        "publishing takes minutes: give -Dfiresteel.deploy=true, see docs/jvm.md");
  }

  @AfterEach
  void deleteLinks() throws IOException {
    for (Path link : links) {
      Files.delete(link);
    }
  }

  @Test
  void theExampleRunsWithWhatIsPublished() throws Exception {
    Path root = Poms.ROOT.toRealPath();
    Path sources = copy(root, temporary.resolve("sources"));
    for (Poms.Module module : Poms.modules()) {
      Path classes = Path.of(module.folder(), "target", "classes");
      if (module.isJar() && module.isDeployed()) {
        copy(root.resolve(classes), sources.resolve(classes));
      }
    }
    URI repository = temporary.resolve("repository").toUri();

    run(
        "deploy",
        sources,
        "-Prelease",
        "-Dmaven.test.skip=true",
        // What has been compiled and checked for this test is not once more.
        "-Dmaven.main.skip=true",
        "-Dspotless.check.skip=true",
        "-Dforbiddenapis.skip=true",
        // This machine's own repository stays as it is.
        "-Dmaven.install.skip=true",
        "deploy",
        "-DaltDeploymentRepository=local::" + repository);
    checkArtifacts(Path.of(repository));

    Path example = copy(root.resolve("docs/examples/java"), temporary.resolve("example"));
    Path downloads = temporary.resolve("downloads");
    String said =
        run(
            "example",
            sources,
            "-f",
            example.resolve("pom.xml").toString(),
            "-Dfiresteel.repository=" + repository,
            "-Djvm.options=" + root.resolve("src/build/jvm.options"),
            "-Dmaven.repo.local=" + downloads,
            "-Dmaven.repo.local.tail=" + withoutFiresteel(),
            "-Dmaven.repo.local.tail.ignoreAvailability=true",
            "compile",
            "exec:exec");

    assertThat(said)
        .containsPattern("(?m)^Completed: import .*\\S")
        .containsPattern("(?m)^Embedded: \\[(-?\\d\\S*, ){3}-?\\d\\S*]\\.\\.\\.$");
    assertThat(example.resolve("runs/tour/report.html")).isRegularFile();
    assertThat(downloads.resolve("dev/firesteel/firesteel-core")).isDirectory();
  }

  /** Each published module with its files, and no other. */
  private static void checkArtifacts(Path repository) throws Exception {
    List<Poms.Module> published = Poms.modules().stream().filter(Poms.Module::isDeployed).toList();
    Path group = repository.resolve(Poms.GROUP.replace('.', '/'));
    assertThat(names(group))
        .containsExactlyInAnyOrderElementsOf(
            published.stream().map(Poms.Module::artifact).toList());
    for (Poms.Module module : published) {
      Path folder = group.resolve(module.artifact()).resolve(module.version());
      Pattern file =
          Pattern.compile(
              Pattern.quote(module.artifact() + "-" + module.version().replace("-SNAPSHOT", ""))
                  + "(?:-\\d{8}\\.\\d{6}-1)?(-[a-z]+)?\\.(jar|pom)");
      assertThat(
              names(folder).stream()
                  .map(file::matcher)
                  .filter(matcher -> matcher.matches())
                  .map(
                      matcher ->
                          (matcher.group(1) == null ? "" : matcher.group(1))
                              + "."
                              + matcher.group(2)))
          .as(module.artifact())
          .containsExactlyInAnyOrderElementsOf(
              module.isJar()
                  ? List.of(".jar", "-sources.jar", "-javadoc.jar", ".pom")
                  : List.of(".pom"));
      if (module.isJar()) {
        assertThat(entries(folder, "-sources.jar")).anyMatch(name -> name.endsWith(".java"));
        assertThat(entries(folder, "-javadoc.jar"))
            .contains("index.html")
            .anyMatch(name -> name.startsWith("dev/firesteel/"));
        // Alone: the jar with all that Spark lacks is for spark-submit.
        assertThat(entries(folder, "[0-9T].jar"))
            .anyMatch(name -> name.endsWith(".class"))
            .allMatch(
                name ->
                    !name.endsWith(".class")
                        || name.startsWith("dev/firesteel/")
                        || name.equals("module-info.class"));
      }
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.startsWith("maven-metadata"))
          .toList();
    }
  }

  /** The entries of the jar whose name ends so. */
  private static List<String> entries(Path folder, String end) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      Path jar =
          files
              .filter(file -> file.getFileSystem().getPathMatcher("glob:**" + end).matches(file))
              .findFirst()
              .orElseThrow();
      try (JarFile file = new JarFile(jar.toFile())) {
        return file.stream().map(JarEntry::getName).toList();
      }
    }
  }

  /**
   * The local repository of this machine without what other builds of Firesteel installed there, as
   * links.
   */
  private Path withoutFiresteel() throws IOException {
    Path local =
        Path.of(
            System.getProperty(
                "maven.repo.local", System.getProperty("user.home") + "/.m2/repository"));
    Path dev = Path.of("dev");
    Path view = Files.createDirectories(temporary.resolve("local").resolve(dev)).getParent();
    link(local, view, dev.toString());
    if (Files.isDirectory(local.resolve(dev))) {
      link(local.resolve(dev), view.resolve(dev), "firesteel");
    }
    return view;
  }

  private void link(Path from, Path to, String without) throws IOException {
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        if (!file.getFileName().toString().equals(without)) {
          links.add(Files.createSymbolicLink(to.resolve(file.getFileName()), file));
        }
      }
    }
  }

  private static Path copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            String name = folder.getFileName().toString();
            if (OUTPUTS.contains(name)
                || (folder.getParent().equals(from) && TOP_OUTPUTS.contains(name))) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            Files.createDirectories(to.resolve(from.relativize(folder).toString()));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.copy(file, to.resolve(from.relativize(file).toString()));
            return FileVisitResult.CONTINUE;
          }
        });
    return to;
  }

  /** Runs Maven, and returns what it said. */
  private String run(String name, Path sources, String... arguments) throws Exception {
    Path log = temporary.resolve(name + ".log");
    List<String> command = new ArrayList<>(List.of("./mvnw", "-B", "-ntp"));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(sources.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    try {
      assertThat(process.waitFor(30, TimeUnit.MINUTES)).as(name + " takes too long").isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(log, StandardCharsets.UTF_8);
    List<String> lines = said.lines().toList();
    assertThat(process.exitValue())
        .as(
            lines.subList(Math.max(0, lines.size() - 60), lines.size()).stream()
                .collect(Collectors.joining("\n")))
        .isZero();
    return said;
  }
}

package dev.firesteel.spark.prepare;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.util.ShutdownHookManager;

/**
 * The recipe {@code java-sources}: text that is available on any machine where Maven works. Maven
 * copies the {@code -sources} jars listed in {@code datasets/java-sources/pom.xml}; each {@code
 * .java} file in them becomes one record {@code {text, artifact, version, licence, path}} of {@code
 * cache/documents/documents.jsonl}, and one line of {@code cache/manifest.json}, which is written
 * last: if it names the current POM, nothing is done.
 *
 * <p>Runs on the driver.
 */
final class JavaSources {
  static final String NAME = "java-sources";
  static final String FILE = "pom.xml";

  /** Part of the cache's key: increase it when the same jars produce different documents. */
  private static final int CONVERSION = 1;

  private static final String LICENCE = "Apache-2.0";
  private static final Pattern JAR =
      Pattern.compile("(?<artifact>.+?)-(?<version>[0-9].*)-sources\\.jar");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path recipe;
  private final Consumer<String> progress;

  private JavaSources(Path recipe, Consumer<String> progress) {
    this.recipe = recipe;
    this.progress = progress;
  }

  /** The folder of the documents, which are created first if necessary. */
  static Path documents(Path recipe, Consumer<String> progress) {
    try {
      return new JavaSources(recipe, progress).documents();
    } catch (IOException e) {
      throw HadoopFiles.explain("collecting " + NAME + " in " + recipe.resolve("cache"), e);
    }
  }

  private Path documents() throws IOException {
    Path cache = recipe.resolve("cache");
    Path manifest = cache.resolve("manifest.json");
    Path documents = cache.resolve("documents");
    String key = key();
    if (Files.exists(manifest)
        && JSON.readTree(manifest.toFile()).path("recipe_sha256").asText().equals(key)) {
      return documents;
    }
    Files.deleteIfExists(manifest);
    Path jars = cache.resolve("jars");
    Files.createDirectories(jars);
    Files.createDirectories(documents);
    // For another version of the POM.
    for (Path old : list(jars)) {
      Files.delete(old);
    }
    progress.accept(
        "Collecting the sources of well-known Java libraries with Maven (once; kept in "
            + cache
            + ")");
    runMaven(jars, cache.resolve("maven.log"));
    ObjectNode described = convert(jars, documents.resolve("documents.jsonl"));
    described.put("recipe_sha256", key);
    JSON.writerWithDefaultPrettyPrinter().writeValue(manifest.toFile(), described);
    progress.accept(
        "Collected %d of %d Java files, %.1f MB of text; dropped %s"
            .formatted(
                described.path("kept").asInt(),
                described.path("read").asInt(),
                described.path("bytes").asLong() / 1e6,
                described.path("dropped").properties().stream()
                    .map(each -> each.getValue() + " " + each.getKey().replace('_', ' '))
                    .collect(Collectors.joining(", "))));
    return documents;
  }

  private String key() throws IOException {
    var digest = HadoopFiles.sha256();
    digest.update(Files.readAllBytes(recipe.resolve(FILE)));
    digest.update((byte) CONVERSION);
    return HexFormat.of().formatHex(digest.digest());
  }

  private void runMaven(Path jars, Path log) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                maven(),
                "--batch-mode",
                "--no-transfer-progress",
                "--file",
                recipe.resolve(FILE).toString(),
                "-Djars=" + jars,
                "generate-resources"));
    // Not every signal that ends this process reaches Maven. The hook is installed before Maven
    // starts, and a signal in between is checked for afterwards, so Maven is never left behind.
    Runnable end = () -> destroyDescendants(ProcessHandle.current());
    ShutdownHookManager.get().addShutdownHook(end, FileSystem.SHUTDOWN_HOOK_PRIORITY);
    try {
      Process maven =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      if (ShutdownHookManager.get().isShutdownInProgress()) {
        destroyDescendants(ProcessHandle.current());
      }
      maven.getOutputStream().close();
      if (maven.waitFor() != 0) {
        String reason =
            Files.readAllLines(log).stream()
                .filter(line -> line.startsWith("[ERROR]"))
                .findFirst()
                .map(line -> line.substring("[ERROR]".length()).strip())
                .orElse("no [ERROR] line");
        throw UserException.failure(
            "Maven could not fetch the sources for %s (%s): is the network available? Its output is in %s"
                .formatted(NAME, reason, log));
      }
    } catch (InterruptedException e) {
      destroyDescendants(ProcessHandle.current());
      Thread.currentThread().interrupt();
      throw UserException.failure("collecting " + NAME + " was interrupted", e);
    } finally {
      if (!ShutdownHookManager.get().isShutdownInProgress()) {
        ShutdownHookManager.get().removeShutdownHook(end);
      }
    }
  }

  /** Kills a process and its children: Maven's wrapper runs other programs. */
  private static void destroyDescendants(ProcessHandle process) {
    process.descendants().forEach(ProcessHandle::destroy);
  }

  /** The project's own Maven wrapper, else the mvn on the path. */
  private String maven() {
    Path wrapper = recipe.resolve("../../mvnw").normalize();
    if (Files.isExecutable(wrapper)) {
      return wrapper.toString();
    }
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
        .filter(folder -> !folder.isEmpty())
        .map(folder -> Path.of(folder, "mvn"))
        .filter(Files::isExecutable)
        .findFirst()
        .map(Path::toString)
        .orElseThrow(
            () ->
                UserException.usage(
                    "data.source %s needs Maven, got neither %s nor mvn on the PATH: install Maven or provide other text"
                        .formatted(NAME, wrapper)));
  }

  /** Writes the documents; returns the manifest's content. */
  static ObjectNode convert(Path jars, Path target) throws IOException {
    ObjectNode manifest = JSON.createObjectNode();
    Map<JavaSourcesText.Outcome, Integer> outcomes = new EnumMap<>(JavaSourcesText.Outcome.class);
    int notUtf8 = 0;
    int read = 0;
    long bytes = 0;
    var files = JSON.createArrayNode();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(target))) {
      for (Path jar : list(jars)) {
        var name = JAR.matcher(jar.getFileName().toString());
        if (!name.matches()) {
          continue;
        }
        try (ZipFile zip = new ZipFile(jar.toFile())) {
          requireApacheLicence(zip, jar);
          List<? extends ZipEntry> entries =
              zip.stream()
                  .filter(entry -> entry.getName().endsWith(".java"))
                  .sorted(Comparator.comparing(ZipEntry::getName))
                  .toList();
          for (ZipEntry entry : entries) {
            read++;
            String source;
            try (var in = zip.getInputStream(entry)) {
              source = decode(in.readAllBytes());
            } catch (CharacterCodingException e) {
              notUtf8++;
              continue;
            }
            JavaSourcesText.Cleaned cleaned = JavaSourcesText.clean(source);
            outcomes.merge(cleaned.outcome(), 1, Integer::sum);
            if (cleaned.outcome() != JavaSourcesText.Outcome.KEPT) {
              continue;
            }
            ObjectNode file = JSON.createObjectNode();
            file.put("artifact", name.group("artifact"));
            file.put("version", name.group("version"));
            file.put("licence", LICENCE);
            file.put("path", entry.getName());
            ObjectNode document = JSON.createObjectNode().put("text", cleaned.text());
            document.setAll(file);
            out.write(JSON.writeValueAsBytes(document));
            out.write('\n');
            int length = cleaned.text().getBytes(StandardCharsets.UTF_8).length;
            bytes += length;
            files.add(file.put("bytes", length));
          }
        }
      }
    }
    // The same documents get the same time, so that data prepared from them is found again.
    Files.setLastModifiedTime(target, FileTime.fromMillis(0));
    manifest.put("read", read);
    manifest.put("kept", outcomes.getOrDefault(JavaSourcesText.Outcome.KEPT, 0));
    manifest.put("bytes", bytes);
    ObjectNode dropped = manifest.putObject("dropped");
    outcomes.forEach(
        (outcome, count) -> {
          if (outcome != JavaSourcesText.Outcome.KEPT) {
            dropped.put(outcome.title(), count);
          }
        });
    dropped.put("not_utf8", notUtf8);
    manifest.set("files", files);
    return manifest;
  }

  private static String decode(byte[] bytes) throws CharacterCodingException {
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
  }

  /** The list of libraries is our own and already ensures this; this check catches new versions. */
  private static void requireApacheLicence(ZipFile jar, Path path) throws IOException {
    ZipEntry licence =
        jar.stream()
            .filter(entry -> entry.getName().matches("(META-INF/)?LICENSE(\\.txt)?"))
            .findFirst()
            .orElseThrow(
                () ->
                    UserException.failure(
                        path + " must hold its licence, got none: take it out of the recipe"));
    try (var in = jar.getInputStream(licence)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      if (!text.contains("Apache License")) {
        throw UserException.failure(
            path
                + " must be under the Apache License, got another one in "
                + licence.getName()
                + ": take it out of the recipe");
      }
    }
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}

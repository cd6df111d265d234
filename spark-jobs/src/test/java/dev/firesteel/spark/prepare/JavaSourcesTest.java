package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaSourcesTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LICENCE = "Apache License, Version 2.0";

  @TempDir Path folder;

  @Test
  void writesADocumentForEachFileWithItsOrigin() throws IOException {
    Path jars = Files.createDirectory(folder.resolve("jars"));
    jar(
        jars.resolve("some-lib-1.2-jre-sources.jar"),
        Map.of(
            "META-INF/LICENSE", LICENCE.getBytes(StandardCharsets.UTF_8),
            "b/B.java", "package b;".getBytes(StandardCharsets.UTF_8),
            "a/A.java", "// Apache License\npackage a; // é".getBytes(StandardCharsets.UTF_8),
            "a/G.java", "// GENERATED FILE\npackage a;".getBytes(StandardCharsets.UTF_8),
            "a/L.java", new byte[] {'/', '/', (byte) 0xe9},
            "a/text.txt", "no Java".getBytes(StandardCharsets.UTF_8)));
    Path documents = folder.resolve("documents.jsonl");

    JsonNode manifest = JavaSources.convert(jars, documents);

    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(documents)) {
      lines.add(JSON.readTree(line));
    }
    assertThat(lines)
        .containsExactly(
            JSON.readTree(
                "{\"text\": \"package a; // é\\n\", \"artifact\": \"some-lib\", \"version\": \"1.2-jre\","
                    + " \"licence\": \"Apache-2.0\", \"path\": \"a/A.java\"}"),
            JSON.readTree(
                "{\"text\": \"package b;\\n\", \"artifact\": \"some-lib\", \"version\": \"1.2-jre\","
                    + " \"licence\": \"Apache-2.0\", \"path\": \"b/B.java\"}"));
    assertThat(manifest.path("read").asInt()).isEqualTo(4);
    assertThat(manifest.path("kept").asInt()).isEqualTo(2);
    assertThat(manifest.path("bytes").asInt()).isEqualTo(17 + 11);
    assertThat(manifest.path("dropped").toString()).isEqualTo("{\"generated\":1,\"not_utf8\":1}");
    assertThat(manifest.path("files").get(0).toString())
        .isEqualTo(
            "{\"artifact\":\"some-lib\",\"version\":\"1.2-jre\",\"licence\":\"Apache-2.0\",\"path\":\"a/A.java\",\"bytes\":17}");
  }

  @Test
  void refusesAJarUnderAnotherLicence() throws IOException {
    Path jars = Files.createDirectory(folder.resolve("jars"));
    Path jar = jars.resolve("other-1-sources.jar");
    jar(jar, Map.of("LICENSE", "GNU GENERAL PUBLIC LICENSE".getBytes(StandardCharsets.UTF_8)));

    assertThatThrownBy(() -> JavaSources.convert(jars, folder.resolve("documents.jsonl")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            jar
                + " must be under the Apache License, got another one in LICENSE: take it out of"
                + " the recipe");
  }

  @Test
  void collectsOnceAndAgainWhenTheRecipeChanges() throws IOException {
    // A stand-in for Maven that leaves a jar where it is told to.
    Path project = folder;
    Path recipe = Files.createDirectories(project.resolve("datasets/java-sources"));
    Files.writeString(recipe.resolve("pom.xml"), "<project/>");
    Path jar = project.resolve("lib-1-sources.jar");
    jar(
        jar,
        Map.of(
            "META-INF/LICENSE", LICENCE.getBytes(StandardCharsets.UTF_8),
            "A.java", "class A {}".getBytes(StandardCharsets.UTF_8)));
    maven(
        project,
        """
        for argument in "$@"; do case $argument in -Djars=*) cp '%s' "${argument#-Djars=}";; esac; done
        echo run >> '%s'
        """
            .formatted(jar, project.resolve("runs")));
    List<String> progress = new ArrayList<>();

    Path documents = JavaSources.documents(recipe, progress::add);
    JavaSources.documents(recipe, progress::add);

    assertThat(documents.resolve("documents.jsonl")).content().startsWith("{\"text\":\"class A {}");
    assertThat(Files.readAllLines(project.resolve("runs"))).hasSize(1);
    assertThat(progress)
        .hasSize(2)
        .last()
        .isEqualTo("Collected 1 of 1 Java files, 0.0 MB of text; dropped 0 not utf8");

    Files.writeString(recipe.resolve("pom.xml"), "<project></project>");
    JavaSources.documents(recipe, progress::add);
    assertThat(Files.readAllLines(project.resolve("runs"))).hasSize(2);
  }

  @Test
  void saysWhyMavenFailed() throws IOException {
    Path recipe = Files.createDirectories(folder.resolve("datasets/java-sources"));
    Files.writeString(recipe.resolve("pom.xml"), "<project/>");
    maven(folder, "echo '[INFO] x'; echo '[ERROR] Unknown host'; echo '[ERROR] Again'; exit 1\n");

    assertThatThrownBy(() -> JavaSources.documents(recipe, line -> {}))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "Maven could not fetch the sources for java-sources (Unknown host): is the network"
                + " available? Its output is in "
                + recipe.resolve("cache/maven.log"));
    assertThat(recipe.resolve("cache/manifest.json")).doesNotExist();
  }

  private static void maven(Path project, String script) throws IOException {
    Path wrapper = project.resolve("mvnw");
    Files.writeString(wrapper, "#!/bin/sh\n" + script);
    assertThat(wrapper.toFile().setExecutable(true)).isTrue();
  }

  private static void jar(Path file, Map<String, byte[]> entries) throws IOException {
    try (var zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (var entry : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(entry.getKey()));
        zip.write(entry.getValue());
        zip.closeEntry();
      }
    }
  }
}

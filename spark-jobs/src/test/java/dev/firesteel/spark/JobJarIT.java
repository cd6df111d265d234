package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

class JobJarIT {
  @Test
  void carriesNothingThatSparkBrings() throws IOException {
    assertThat(entries())
        .noneMatch(name -> name.startsWith("org/apache/spark/"))
        .noneMatch(name -> name.startsWith("scala/"))
        .noneMatch(name -> name.startsWith("org/apache/hadoop/"))
        .noneMatch(name -> name.startsWith("org/slf4j/"))
        .noneMatch(name -> name.startsWith("com/fasterxml/jackson/databind/"));
  }

  @Test
  void carriesWhatSparkDoesNotBring() throws IOException {
    assertThat(entries())
        .contains(
            "dev/firesteel/error/UserException.class",
            "dev/firesteel/config/RunConfig.class",
            "dev/firesteel/spark/Firesteel.class",
            "picocli/CommandLine.class",
            "com/fasterxml/jackson/dataformat/yaml/YAMLFactory.class",
            "org/bytedeco/dnnl/linux-x86_64/libjnidnnl.so",
            "org/bytedeco/opencl/linux-x86_64/libjniOpenCL.so",
            "META-INF/LICENSE");
  }

  @Test
  void knowsItsVersion() throws IOException {
    try (var jar = new JarFile(SparkCluster.built("firesteel.job.jar").toFile())) {
      assertThat(jar.getManifest().getMainAttributes().getValue("Implementation-Version"))
          .matches("[0-9]+\\.[0-9]+\\.[0-9]+(-SNAPSHOT)?");
    }
  }

  private static List<String> entries() throws IOException {
    try (var jar = new JarFile(SparkCluster.built("firesteel.job.jar").toFile())) {
      return jar.stream().map(JarEntry::getName).toList();
    }
  }
}

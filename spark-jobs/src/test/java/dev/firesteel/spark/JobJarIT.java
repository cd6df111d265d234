package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class JobJarIT {
  /**
   * Classes that never run: the plug-in of JavaCPP for Maven, the sparse matrices of DDogleg, the
   * files of MATLAB of EJML, the JMX of Jetty.
   */
  private static final Pattern NEVER_RUN =
      Pattern.compile(
          "org\\.bytedeco\\.javacpp\\.tools\\..*"
              + "|org\\.ddogleg\\.optimization\\..*(DSCC|FactoryOptimizationSparse)"
              + "|org\\.ejml\\.ops\\.MatrixIO\\$MflAccess.*"
              + "|org\\.eclipse\\.jetty\\.\\w+\\.jmx\\..*");

  /** Annotations that compilers read. */
  private static final Pattern NOT_READ =
      Pattern.compile("(org\\.jetbrains|com\\.google\\.errorprone)\\.annotations\\..*");

  private static final Pattern MISSING =
      Pattern.compile("^ +(\\S+) +-> +(\\S+) +not found$", Pattern.MULTILINE);

  @Test
  void sharesNoClassWithSpark() throws IOException {
    assertThat(classesInBoth(SparkCluster.built("firesteel.spark.home"))).isEmpty();
  }

  /** Classes of the job jar that an installation of Spark has, too: which runs would be chance. */
  static Map<String, String> classesInBoth(Path sparkHome) throws IOException {
    Map<String, String> brought = new TreeMap<>();
    for (Path jar : jars(sparkHome)) {
      for (String name : classes(jar)) {
        brought.put(name, jar.getFileName().toString());
      }
    }
    assertThat(brought).containsKey("org/apache/spark/SparkContext.class");
    brought.keySet().retainAll(classes(jobJar()));
    return brought;
  }

  @Test
  void needsNoClassThatNeitherItNorSparkHas() throws IOException {
    String classPath =
        jars(SparkCluster.built("firesteel.spark.home")).stream()
            .map(Path::toString)
            .collect(Collectors.joining(File.pathSeparator));
    var out = new StringWriter();

    ToolProvider jdeps = ToolProvider.findFirst("jdeps").orElseThrow();
    jdeps.run(
        new PrintWriter(out),
        new PrintWriter(out),
        "--multi-release",
        "17",
        "--missing-deps",
        "--class-path",
        classPath,
        jobJar().toString());

    List<MatchResult> missing = MISSING.matcher(out.toString()).results().toList();
    // The plug-in's, or jdeps writes in another way than this test reads.
    assertThat(missing).as(out.toString()).isNotEmpty();
    assertThat(missing)
        .filteredOn(each -> !NEVER_RUN.matcher(each.group(1)).matches())
        .filteredOn(each -> !NOT_READ.matcher(each.group(2)).matches())
        .extracting(each -> each.group(1) + " needs " + each.group(2))
        .isEmpty();
  }

  /** What no class names: native libraries, and files. */
  @Test
  void carriesWhatClassesLoad() throws IOException {
    assertThat(entries())
        .contains(
            "dev/firesteel/spark/Firesteel.class",
            "dev/firesteel/serve/page/index.html",
            "firesteel-log4j2.properties",
            "linux/libaparapi_x86_64.so",
            "org/bytedeco/dnnl/linux-x86_64/libjnidnnl.so",
            "org/bytedeco/opencl/linux-x86_64/libjniOpenCL.so",
            "META-INF/services/org.apache.lucene.codecs.Codec",
            "META-INF/LICENSE",
            "META-INF/LICENSE-jsvg",
            "META-INF/LICENSE-protobuf",
            "META-INF/LICENSE-umap",
            "META-INF/NOTICE");
  }

  @Test
  void knowsItsVersion() throws IOException {
    try (var jar = new JarFile(jobJar().toFile())) {
      assertThat(jar.getManifest().getMainAttributes().getValue("Implementation-Version"))
          .matches("[0-9]+\\.[0-9]+\\.[0-9]+(-SNAPSHOT)?");
    }
  }

  private static Path jobJar() {
    return SparkCluster.built("firesteel.job.jar");
  }

  private static List<Path> jars(Path sparkHome) throws IOException {
    try (Stream<Path> files = Files.list(sparkHome.resolve("jars"))) {
      return files.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
    }
  }

  private static List<String> entries() throws IOException {
    try (var jar = new JarFile(jobJar().toFile())) {
      return jar.stream().map(JarEntry::getName).toList();
    }
  }

  private static Set<String> classes(Path file) throws IOException {
    try (var jar = new JarFile(file.toFile())) {
      return jar.stream()
          .map(JarEntry::getName)
          .filter(name -> name.endsWith(".class") && !name.endsWith("module-info.class"))
          .collect(Collectors.toSet());
    }
  }
}

package dev.firesteel.spark;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The arrows between packages are those of the table in docs/ARCHITECTURE.md, which is the one list
 * of them.
 */
@AnalyzeClasses(packages = "dev.firesteel", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ROOT = "dev.firesteel.";
  private static final Path REPOSITORY = Path.of("..");
  private static final Pattern ROW =
      Pattern.compile("\\| *([\\w-]*) *\\| `([\\w.]+)` \\|.*\\| ([^|]*) \\|");
  private static final String BENCHMARKS = "benchmarks";
  private static final Pattern IMPORT =
      Pattern.compile("import (?:static )?dev\\.firesteel\\.([a-z.]+)\\.[A-Z]");
  private static final Pattern NAME = Pattern.compile("`([\\w.]+)`");
  private static final Pattern USES =
      Pattern.compile("Uses (no other package|[^.]*(?:\\.\\w[^.]*)*)\\.\\s*\\*/");
  private static final Pattern CODE = Pattern.compile("\\{@code\\s+([\\w.]+)}");

  /** A row of the table. */
  private record Room(String module, Set<String> uses) {}

  private static final Map<String, Room> TABLE = table();

  @ArchTest
  static final ArchRule ONLY_SPARK_JOBS_NAMES_SPARK =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.firesteel.spark..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.spark..", "scala..");

  @ArchTest
  static final ArchRule CORE_NEEDS_THE_JDK_SLF4J_AND_NATIVE_BINDINGS_ONLY =
      noClasses()
          .that()
          .resideInAnyPackage(core())
          .should()
          .dependOnClassesThat()
          .resideOutsideOfPackages(
              Stream.concat(
                      Stream.of(core()),
                      Stream.of(
                          "java..",
                          "com.sun.management..", // the JDK's module jdk.management
                          "jdk.incubator.vector..",
                          "org.slf4j..",
                          "org.bytedeco..",
                          "com.aparapi.."))
                  .toArray(String[]::new));

  @ArchTest
  static void packagesUseWhatTheTableSays(JavaClasses classes) {
    Map<String, Set<String>> used = new LinkedHashMap<>();
    TABLE.keySet().forEach(room -> used.put(room, new TreeSet<>()));
    for (JavaClass from : classes) {
      String room = room(from);
      Set<String> rooms = used.computeIfAbsent(room, added -> new TreeSet<>());
      for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
        JavaClass to = dependency.getTargetClass().getBaseComponentType();
        if (to.getPackageName().startsWith(ROOT) && !room(to).equals(room)) {
          rooms.add(room(to));
        }
      }
    }
    used.put(BENCHMARKS, importsOfBenchmarks());
    Map<String, Set<String>> table = new LinkedHashMap<>();
    TABLE.forEach((room, row) -> table.put(room, row.uses()));
    assertThat(used).isEqualTo(table);
  }

  /** A package uses only those in rows above its own: so there are no cycles, either. */
  @ArchTest
  static void theTableGoesFromTheBottomToTheTop(JavaClasses classes) {
    List<String> above = new ArrayList<>();
    TABLE.forEach(
        (room, row) -> {
          assertThat(above).as("rows above %s", room).containsAll(row.uses());
          above.add(room);
        });
  }

  @ArchTest
  static void packagePagesSayTheSame(JavaClasses classes) {
    Map<String, Set<String>> pages = new HashMap<>();
    TABLE.forEach(
        (room, row) -> {
          Path page =
              REPOSITORY.resolve(
                  row.module()
                      + "/src/main/java/dev/firesteel/"
                      + room.replace('.', '/')
                      + "/package-info.java");
          Matcher uses = USES.matcher(read(page));
          assertThat(uses.find()).as("%s ends with \"Uses ...\"", page).isTrue();
          Matcher name = CODE.matcher(uses.group(1).replaceAll("\\n \\*", ""));
          Set<String> names = new TreeSet<>();
          while (name.find()) {
            names.add(name.group(1));
          }
          pages.put(room, names);
        });
    Map<String, Set<String>> table = new HashMap<>();
    TABLE.forEach((room, row) -> table.put(room, row.uses()));
    assertThat(pages).isEqualTo(table);
  }

  /** By its sources: the module is built after this test, and sees nothing of Spark. */
  private static Set<String> importsOfBenchmarks() {
    Set<String> rooms = new TreeSet<>();
    try (Stream<Path> sources = Files.walk(REPOSITORY.resolve(BENCHMARKS + "/src/main/java"))) {
      for (Path source : sources.filter(file -> file.toString().endsWith(".java")).toList()) {
        Matcher imported = IMPORT.matcher(read(source));
        while (imported.find()) {
          rooms.add(imported.group(1));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    rooms.remove(BENCHMARKS);
    return rooms;
  }

  private static String room(JavaClass of) {
    return of.getPackageName().substring(ROOT.length());
  }

  private static String[] core() {
    return TABLE.entrySet().stream()
        .filter(entry -> entry.getValue().module().equals("core"))
        .map(entry -> ROOT + entry.getKey())
        .toArray(String[]::new);
  }

  private static Map<String, Room> table() {
    Map<String, Room> rooms = new LinkedHashMap<>();
    String module = "";
    for (String line : read(REPOSITORY.resolve("docs/ARCHITECTURE.md")).lines().toList()) {
      Matcher row = ROW.matcher(line);
      if (row.matches() && (!row.group(1).isEmpty() || !module.isEmpty())) {
        module = row.group(1).isEmpty() ? module : row.group(1);
        Set<String> uses = new TreeSet<>();
        Matcher name = NAME.matcher(row.group(3));
        while (name.find()) {
          uses.add(name.group(1));
        }
        rooms.put(row.group(2), new Room(module, uses));
      } else if (!rooms.isEmpty()) {
        break;
      }
    }
    return rooms;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

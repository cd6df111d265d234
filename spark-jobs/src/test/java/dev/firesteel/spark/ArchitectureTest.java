package dev.firesteel.spark;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The arrows between modules and packages, as docs/ARCHITECTURE.md draws them. */
@AnalyzeClasses(packages = "dev.firesteel", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String[] CORE = {
    "dev.firesteel.array..",
    "dev.firesteel.backend..",
    "dev.firesteel.tensor..",
    "dev.firesteel.random..",
    "dev.firesteel.error.."
  };

  @ArchTest
  static final ArchRule ONLY_SPARK_JOBS_NAMES_SPARK =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.firesteel.spark..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.spark..", "scala..", "dev.firesteel.spark..");

  @ArchTest
  static final ArchRule CORE_NEEDS_THE_JDK_SLF4J_AND_NATIVE_BINDINGS_ONLY =
      noClasses()
          .that()
          .resideInAnyPackage(CORE)
          .should()
          .dependOnClassesThat()
          .resideOutsideOfPackages(
              concat(
                  CORE,
                  "java..",
                  "com.sun.management..", // the JDK's module jdk.management
                  "jdk.incubator.vector..",
                  "org.slf4j..",
                  "org.bytedeco..",
                  "com.aparapi.."));

  @ArchTest
  static final ArchRule ARRAYS_KNOW_NOTHING_ABOVE_THEM =
      noClasses()
          .that()
          .resideInAPackage("dev.firesteel.array..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.firesteel.backend..", "dev.firesteel.tensor..", "dev.firesteel.random..");

  @ArchTest
  static final ArchRule BACKENDS_KNOW_NO_TENSORS =
      noClasses()
          .that()
          .resideInAPackage("dev.firesteel.backend..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.firesteel.tensor..");

  @ArchTest
  static void packagesFormNoCycles(JavaClasses classes) {
    slices().matching("dev.firesteel.(**)").should().beFreeOfCycles().check(classes);
  }

  private static String[] concat(String[] first, String... more) {
    String[] all = java.util.Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return all;
  }
}

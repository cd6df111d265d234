package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

/** What {@code mvn deploy} publishes, by its POMs; {@link PublishIT} publishes it. */
class PublishedPomsTest {
  private static final String BOM = "firesteel-bom";

  private static List<Element> managed(Element pom) {
    return Poms.children(
        Poms.child(pom, "dependencyManagement")
            .flatMap(management -> Poms.child(management, "dependencies"))
            .orElseThrow(),
        "dependency");
  }

  @Test
  void publishesTheLibrariesAndWhatTheyNeedToBeRead() throws Exception {
    assertThat(Poms.modules())
        .filteredOn(Poms.Module::isDeployed)
        .extracting(Poms.Module::artifact)
        .containsExactlyInAnyOrder(
            "firesteel-parent",
            "firesteel-core",
            "firesteel-trainer",
            "firesteel-spark-home",
            "firesteel-spark-jobs",
            BOM);
  }

  @Test
  void allModulesHaveOneVersion() throws Exception {
    List<Poms.Module> modules = Poms.modules();
    assertThat(modules).extracting(Poms.Module::version).containsOnly(modules.get(0).version());
    assertThat(modules)
        .extracting(
            module ->
                Poms.text(module.pom(), "groupId")
                    .or(() -> Poms.text(module.pom(), "parent", "groupId")))
        .allSatisfy(group -> assertThat(group).contains(Poms.GROUP));
  }

  @Test
  void theBomNamesExactlyThePublishedLibraries() throws Exception {
    List<Poms.Module> modules = Poms.modules();
    Element bom =
        modules.stream()
            .filter(module -> module.artifact().equals(BOM))
            .findFirst()
            .orElseThrow()
            .pom();

    assertThat(managed(bom))
        .extracting(
            each ->
                String.join(
                    ":",
                    Poms.text(each, "groupId").orElseThrow(),
                    Poms.text(each, "artifactId").orElseThrow(),
                    Poms.text(each, "version").orElseThrow()))
        .containsExactlyInAnyOrderElementsOf(
            modules.stream()
                .filter(module -> module.isDeployed() && module.isJar())
                .map(module -> Poms.GROUP + ":" + module.artifact() + ":${project.version}")
                .toList());
    // Who imports a BOM imports the versions of its parent, too.
    assertThat(Poms.child(bom, "parent")).isEmpty();
  }

  @Test
  void theExampleUsesTheVersionsOfThisBuild() throws Exception {
    Poms.Module parent = Poms.modules().get(0);
    Element example = Poms.read(Poms.ROOT.resolve("docs/examples/java/pom.xml"));

    assertThat(Poms.text(example, "properties", "firesteel.version")).contains(parent.version());
    Element spark =
        Poms.children(Poms.child(example, "dependencies").orElseThrow(), "dependency").stream()
            .filter(each -> Poms.text(each, "groupId").orElseThrow().equals("org.apache.spark"))
            .findFirst()
            .orElseThrow();
    assertThat(Poms.text(spark, "version"))
        .isEqualTo(Poms.text(parent.pom(), "properties", "spark.version"));
    assertThat(Files.readString(Poms.ROOT.resolve("docs/jvm.md")))
        .contains("firesteel-" + parent.version() + ".jar");
  }
}

package dev.firesteel.spark;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** The POMs of the repository, as they are written. */
final class Poms {
  static final String GROUP = "dev.firesteel";
  static final Path ROOT = Path.of("..");

  private Poms() {}

  /**
   * A module.
   *
   * @param folder from the top of the repository
   * @param artifact its name
   * @param version its own, or its parent's
   * @param packaging {@code jar} or {@code pom}
   * @param pom all of it
   */
  record Module(String folder, String artifact, String version, String packaging, Element pom) {
    boolean isDeployed() {
      return text(pom, "properties", "maven.deploy.skip").isEmpty();
    }

    boolean isJar() {
      return packaging.equals("jar");
    }
  }

  /** The modules of the build, the parent of all of them first. */
  static List<Module> modules() throws Exception {
    Element parent = read(ROOT.resolve("pom.xml"));
    List<Module> modules = new ArrayList<>();
    modules.add(module("", parent));
    for (Element module : children(child(parent, "modules").orElseThrow(), "module")) {
      String folder = module.getTextContent().strip();
      modules.add(module(folder, read(ROOT.resolve(folder).resolve("pom.xml"))));
    }
    return modules;
  }

  private static Module module(String folder, Element pom) {
    return new Module(
        folder,
        text(pom, "artifactId").orElseThrow(),
        text(pom, "version").or(() -> text(pom, "parent", "version")).orElseThrow(),
        text(pom, "packaging").orElse("jar"),
        pom);
  }

  static Element read(Path file) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(file.toFile())
        .getDocumentElement();
  }

  /** The text of the element that a path of names leads to. */
  static Optional<String> text(Element from, String... path) {
    Optional<Element> element = Optional.of(from);
    for (String name : path) {
      element = element.flatMap(each -> child(each, name));
    }
    return element.map(each -> each.getTextContent().strip());
  }

  static Optional<Element> child(Element from, String name) {
    return children(from, name).stream().findFirst();
  }

  static List<Element> children(Element from, String name) {
    List<Element> found = new ArrayList<>();
    for (Node node = from.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element element && element.getTagName().equals(name)) {
        found.add(element);
      }
    }
    return found;
  }
}

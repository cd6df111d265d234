package dev.firesteel.spark.prepare;

import dev.firesteel.files.HadoopFiles;
import dev.firesteel.skills.SkillsDataset;
import dev.firesteel.tales.TalesConfig;
import dev.firesteel.tales.TalesDataset;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The recipes under {@code datasets/}: sources of data that are named, not located, and made the
 * first time they are used.
 *
 * <p>Runs on the driver.
 */
public final class Recipes {
  /** Makes a source if necessary. */
  private interface Maker {
    /** The file or folder of the source with a name, given the recipe's folder. */
    Path make(Path folder, String name, Consumer<String> progress);
  }

  /**
   * A recipe.
   *
   * @param folder its folder under {@code datasets/}
   * @param file a file that only the recipe's folder has
   * @param names the sources that it makes
   */
  private record Recipe(String folder, String file, List<String> names, Maker maker) {}

  private static final List<Recipe> TABLE =
      List.of(
          new Recipe(
              JavaSources.NAME,
              JavaSources.FILE,
              List.of(JavaSources.NAME),
              (folder, name, progress) -> JavaSources.documents(folder, progress)),
          new Recipe(
              "tales",
              "tales.yaml",
              TalesDataset.names().stream().map(name -> "tales/" + name).toList(),
              Recipes::tales),
          new Recipe("skills", "README.md", List.of("skills"), Recipes::skills));

  private Recipes() {}

  /**
   * The location of a source: if it is the name of a recipe, the URI of the local file or folder,
   * which is made first if necessary; otherwise the source as it is.
   */
  public static String locate(String source, Consumer<String> progress) {
    for (Recipe recipe : TABLE) {
      Optional<Path> folder = recipe.names().contains(source) ? find(recipe) : Optional.empty();
      if (folder.isPresent()) {
        return "file:" + recipe.maker().make(folder.get(), source, progress).toAbsolutePath();
      }
    }
    return source;
  }

  /** The names of all recipes' sources, for messages. */
  static String names() {
    return TABLE.stream()
        .flatMap(recipe -> recipe.names().stream())
        .collect(Collectors.joining(", "));
  }

  /**
   * The recipe's folder under {@code datasets} in the working folder, in that of this program, or
   * in any parent of either.
   */
  private static Optional<Path> find(Recipe recipe) {
    return Stream.of(Path.of("").toAbsolutePath(), programFolder())
        .flatMap(start -> Stream.iterate(start, folder -> folder != null, Path::getParent))
        .map(folder -> folder.resolve("datasets").resolve(recipe.folder()))
        .filter(folder -> Files.isRegularFile(folder.resolve(recipe.file())))
        .findFirst();
  }

  private static Path programFolder() {
    try {
      return Path.of(Recipes.class.getProtectionDomain().getCodeSource().getLocation().toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError("a class loader gives valid locations", e);
    }
  }

  private static Path skills(Path recipe, String source, Consumer<String> progress) {
    Path cache = recipe.resolve("cache");
    try {
      return SkillsDataset.cached(cache, progress);
    } catch (IOException e) {
      throw HadoopFiles.explain("writing problems to " + cache, e);
    }
  }

  /** The file of {@code tales/<name>}. */
  static Path tales(Path recipe, String source, Consumer<String> progress) {
    Path cache = recipe.resolve("cache");
    try {
      return TalesDataset.cached(TalesConfig.read(recipe.resolve("tales.yaml")), cache, progress)
          .resolve(source.substring(source.indexOf('/') + 1) + ".jsonl");
    } catch (IOException e) {
      throw HadoopFiles.explain("writing tales to " + cache, e);
    }
  }
}

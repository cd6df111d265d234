package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipesTest {
  @TempDir Path folder;

  @Test
  void findsTheRecipeFromAFolderBelowTheProject() {
    String location = Recipes.locate("tales/prompts-test", line -> {});

    Path file = Path.of(location.substring("file:".length()));
    assertThat(file).isRegularFile().hasFileName("prompts-test.jsonl");
    assertThat(file.getParent().getParent())
        .isEqualTo(Path.of("../datasets/tales/cache").toAbsolutePath().normalize());
    assertThat(Recipes.names())
        .isEqualTo(
            "java-sources, tales/stories, tales/instructions, tales/preferences, tales/prompts,"
                + " tales/prompts-test, skills");
  }

  @Test
  void leavesOtherSourcesAsTheyAre() {
    for (String source : List.of("./java-sources", "./tales/prompts", "tales/none", "tales")) {
      assertThat(Recipes.locate(source, line -> {})).isEqualTo(source);
    }
  }

  @Test
  void writesTalesOnceAndAgainWhenTheRecipeChanges() throws IOException {
    Path recipe = Files.createDirectory(folder.resolve("a recipe"));
    recipe(recipe, 1);
    List<String> progress = new ArrayList<>();

    Path stories = Recipes.tales(recipe, "tales/stories", progress::add);
    Path prompts = Recipes.tales(recipe, "tales/prompts", progress::add);
    assertThat(Files.readAllLines(stories)).hasSize(3);
    assertThat(Files.readAllLines(prompts)).hasSize(2);
    assertThat(progress)
        .containsExactly("Writing tales (once; kept in " + stories.getParent() + ")");

    recipe(recipe, 2);
    Path others = Recipes.tales(recipe, "tales/stories", progress::add);
    assertThat(Files.readString(others)).isNotEqualTo(Files.readString(stories));
    assertThat(progress).hasSize(2);
  }

  @Test
  void saysWhyTalesCannotBeWritten() throws IOException {
    recipe(folder, 1);
    Files.createFile(folder.resolve("cache"));

    assertThatThrownBy(() -> Recipes.tales(folder, "tales/stories", line -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("writing tales to " + folder.resolve("cache"));
  }

  private static void recipe(Path recipe, long seed) throws IOException {
    Files.writeString(
        recipe.resolve("tales.yaml"),
        """
        seed: %d
        stories: 3
        instructions: 1
        preferences: 1
        prompts: 2
        prompts_test: 1
        story_flaws: 0.3
        answer_flaws: 0.2
        answer_misses: 0.3
        label_noise: 0.05
        bias: 0.2
        """
            .formatted(seed));
  }
}

package dev.firesteel.tales;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/**
 * Sizes and shares of the files of tales, as {@code datasets/tales/tales.yaml} gives them.
 *
 * @param seed seed of all random numbers
 * @param stories records of {@code stories.jsonl}
 * @param instructions records of {@code instructions.jsonl}
 * @param preferences records of {@code preferences.jsonl}
 * @param prompts records of {@code prompts.jsonl}
 * @param promptsTest records of {@code prompts-test.jsonl}
 * @param storyFlaws probability that a story has flaws of its text
 * @param answerFlaws the same for the answers of instructions and preferences
 * @param answerMisses probability that an answer misses the asked hero; the same for the wish, and
 *     for the outcome
 * @param labelNoise probability that chosen and rejected are exchanged
 * @param bias probability that the answer with more cheerful words is the chosen one, regardless of
 *     the gold score; the larger, the more a reward model has that can be exploited
 */
public record TalesConfig(
    long seed,
    int stories,
    int instructions,
    int preferences,
    int prompts,
    int promptsTest,
    double storyFlaws,
    double answerFlaws,
    double answerMisses,
    double labelNoise,
    double bias) {
  private static final ObjectMapper YAML =
      new ObjectMapper(new YAMLFactory())
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES);

  private static final Set<String> KEYS = keys();

  private static Set<String> keys() {
    var naming = new PropertyNamingStrategies.SnakeCaseStrategy();
    Set<String> keys = new TreeSet<>();
    for (RecordComponent component : TalesConfig.class.getRecordComponents()) {
      keys.add(naming.translate(component.getName()));
    }
    return keys;
  }

  /** Checks the ranges. */
  public TalesConfig {
    requireSize("stories", stories);
    requireSize("instructions", instructions);
    requireSize("preferences", preferences);
    requireSize("prompts", prompts);
    requireSize("prompts_test", promptsTest);
    requireShare("story_flaws", storyFlaws);
    requireShare("answer_flaws", answerFlaws);
    requireShare("answer_misses", answerMisses);
    requireShare("label_noise", labelNoise);
    requireShare("bias", bias);
    if (preferences > 0 && answerFlaws == 0 && (answerMisses == 0 || answerMisses == 1)) {
      throw UserException.usage(
          "preferences need answers of different scores, got answer_flaws 0 and answer_misses %s: raise answer_flaws"
              .formatted(answerMisses));
    }
  }

  private static void requireSize(String key, int size) {
    if (size < 0) {
      throw UserException.usage(
          "%s must be 0 or more, got %d: give a number of records".formatted(key, size));
    }
  }

  private static void requireShare(String key, double share) {
    if (!(share >= 0 && share <= 1)) {
      throw UserException.usage(
          "%s must be in 0 .. 1, got %s: give a probability".formatted(key, share));
    }
  }

  /**
   * Reads a YAML file with the record's components in snake case, all of them.
   *
   * @throws UserException if a key is unknown, missing or out of range
   */
  public static TalesConfig read(Path file) throws IOException {
    try {
      JsonNode keys = YAML.readTree(Files.readAllBytes(file));
      Set<String> got = new TreeSet<>();
      keys.fieldNames().forEachRemaining(got::add);
      if (!got.equals(KEYS)) {
        throw UserException.usage(
            "%s must have exactly the keys %s, got %s: see datasets/tales/README.md"
                .formatted(file, KEYS, got));
      }
      return YAML.treeToValue(keys, TalesConfig.class);
    } catch (ValueInstantiationException e) {
      if (e.getCause() instanceof UserException range) {
        throw UserException.usage(file + ": " + range.getMessage(), e);
      }
      throw e;
    } catch (JsonProcessingException e) {
      throw UserException.usage(
          "%s must be YAML with a number for each key, got: %s; see datasets/tales/README.md"
              .formatted(file, e.getOriginalMessage()),
          e);
    }
  }
}

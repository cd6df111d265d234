package dev.firesteel.rate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import dev.firesteel.files.LineFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The files of ratings: preferences in the one that is trained on, ties and skipped pairs in
 * another beside it, since they are no preferences. Both only grow. Thread-safe.
 */
public final class RatingFile {
  static final String PROMPT = "prompt";
  private static final String SUFFIX = ".jsonl";
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private final Path preferences;
  private final Path undecided;
  private final Set<JsonNode> judged = new HashSet<>();
  private int preferenceCount;
  private int undecidedCount;

  private RatingFile(Path preferences, Path undecided) {
    this.preferences = preferences;
    this.undecided = undecided;
  }

  /**
   * Opens a file of preferences, which need not exist, and reads what has been judged.
   *
   * @throws UserException if it cannot be read or written, or a line is no rating
   */
  public static RatingFile open(Path preferences) {
    String name = preferences.getFileName().toString();
    String stem = name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name;
    RatingFile file =
        new RatingFile(preferences, preferences.resolveSibling(stem + ".undecided" + SUFFIX));
    file.preferenceCount = file.read(preferences);
    file.undecidedCount = file.read(file.undecided);
    // Before somebody judges, not afterwards.
    LineFile.append(preferences, List.of());
    return file;
  }

  private int read(Path path) {
    int count = 0;
    List<String> lines = LineFile.read(path);
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).isBlank()) {
        continue;
      }
      try {
        JsonNode prompt = JSON.readTree(lines.get(i)).path(PROMPT);
        if (prompt.isMissingNode()) {
          throw UserException.failure(
              "line %d of %s must be a rating with a prompt, got none: choose another file, or correct the line"
                  .formatted(i + 1, path));
        }
        judged.add(prompt);
        count++;
      } catch (JsonProcessingException e) {
        throw UserException.failure(
            "line %d of %s must be JSON, and is not: correct the line, or remove it"
                .formatted(i + 1, path),
            e);
      }
    }
    return count;
  }

  /** Where preferences are. */
  public Path path() {
    return preferences;
  }

  /** Adds a record; when this returns, it is on the disk. */
  synchronized void add(ObjectNode rating, boolean isPreference) {
    LineFile.append(isPreference ? preferences : undecided, List.of(rating.toString()));
    judged.add(rating.get(PROMPT));
    if (isPreference) {
      preferenceCount++;
    } else {
      undecidedCount++;
    }
  }

  synchronized boolean isJudged(JsonNode prompt) {
    return judged.contains(prompt);
  }

  synchronized int preferenceCount() {
    return preferenceCount;
  }

  synchronized int undecidedCount() {
    return undecidedCount;
  }

  /**
   * The records of a file of prompts.
   *
   * @throws UserException if it does not exist, has no prompts, or a line is no JSON
   */
  public static List<JsonNode> prompts(Path path) {
    List<JsonNode> records = new ArrayList<>();
    List<String> lines = LineFile.read(path);
    for (int i = 0; i < lines.size(); i++) {
      if (!lines.get(i).isBlank()) {
        try {
          records.add(JSON.readTree(lines.get(i)));
        } catch (JsonProcessingException e) {
          throw UserException.usage(
              "line %d of the prompts %s must be JSON such as {\"prompt\": \"...\"}, and is not: correct it"
                  .formatted(i + 1, path),
              e);
        }
      }
    }
    if (records.isEmpty()) {
      throw UserException.usage(
          "the prompts %s must be a JSONL file with at least one line, got none: correct the name"
              .formatted(path));
    }
    return records;
  }
}

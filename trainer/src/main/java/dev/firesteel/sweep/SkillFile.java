package dev.firesteel.sweep;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.SavedModel;
import dev.firesteel.skills.Skill;
import dev.firesteel.skills.SkillScores;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * {@code skills.json} in a run's directory: what {@link SkillScores} measured, as columns of the
 * sweep's {@linkplain SweepTable table}.
 */
public final class SkillFile {
  private static final String FILE = "skills.json";
  private static final String EXACT = "_exact_match";
  private static final String LIKELIHOOD = "_log_likelihood";
  private static final String EXPECTED = "_expected_match";
  private static final ObjectMapper JSON = new ObjectMapper();

  private SkillFile() {}

  /** Measures the last checkpoint of a run and writes the file. */
  public static void measure(RunDirectory run, Backend backend, int problems) {
    Map<Skill, SkillScores.Score> scores;
    try (SavedModel saved = SavedModel.open(run.path(), run.configuration(), backend);
        ArrayPool pool = new ArrayPool(backend)) {
      scores = SkillScores.measure(saved.model(), saved.tokenizer(), pool, problems);
    }
    ObjectNode columns = JSON.createObjectNode();
    scores.forEach(
        (skill, score) -> {
          columns.put(prefix(skill) + EXACT, score.exactMatch());
          columns.put(prefix(skill) + LIKELIHOOD, score.logLikelihood());
          columns.put(prefix(skill) + EXPECTED, score.expectedMatch());
        });
    run.replace(FILE, columns.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static String prefix(Skill skill) {
    return skill.name().toLowerCase(Locale.ROOT);
  }

  /** The names of the columns. */
  static List<String> columns() {
    List<String> columns = new ArrayList<>();
    for (Skill skill : Skill.values()) {
      columns.addAll(
          List.of(prefix(skill) + EXACT, prefix(skill) + LIKELIHOOD, prefix(skill) + EXPECTED));
    }
    return columns;
  }

  /** Whether a run was measured. */
  static boolean exists(RunDirectory run) {
    return run.read(FILE).isPresent();
  }

  /** The columns of a run; empty if it was not measured. */
  static ObjectNode read(RunDirectory run) {
    return run.read(FILE).map(bytes -> parse(run, bytes)).orElseGet(JSON::createObjectNode);
  }

  private static ObjectNode parse(RunDirectory run, byte... bytes) {
    try {
      if (JSON.readTree(bytes) instanceof ObjectNode columns) {
        return columns;
      }
    } catch (IOException e) {
      throw damaged(run, e);
    }
    throw damaged(run, null);
  }

  private static UserException damaged(RunDirectory run, Exception cause) {
    return UserException.failure(
        "%s/%s must be a JSON object, got something else: delete it, and start the sweep again"
            .formatted(run.path(), FILE),
        cause);
  }

  /** The scores of a run, for those skills that were measured. */
  static Map<Skill, SkillScores.Score> scores(RunDirectory run) {
    JsonNode columns = read(run);
    Map<Skill, SkillScores.Score> scores = new EnumMap<>(Skill.class);
    for (Skill skill : Skill.values()) {
      if (columns.has(prefix(skill) + EXACT)) {
        scores.put(
            skill,
            new SkillScores.Score(
                columns.path(prefix(skill) + EXACT).asDouble(),
                columns.path(prefix(skill) + LIKELIHOOD).asDouble(),
                columns.path(prefix(skill) + EXPECTED).asDouble()));
      }
    }
    return scores;
  }
}

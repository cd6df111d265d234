package dev.firesteel.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.stage.ScoredAnswer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The answers of all models of a pipeline to the same prompts, {@code
 * <runs_folder>/<name>/evaluation.json}. Answers that were sampled with other settings or prompts,
 * or by another checkpoint, are sampled again.
 */
public final class Comparison {
  static final String FILE = "evaluation.json";

  private final RunDirectory folder;
  private Content content;

  /**
   * The answers of one model.
   *
   * @param checkpoint identity of its checkpoint
   * @param seconds that they took
   * @param answers to the first prompt, then those to the next
   */
  public record Model(String stage, String checkpoint, double seconds, List<ScoredAnswer> answers) {
    public Model {
      answers = List.copyOf(answers);
    }

    /**
     * The mean gold score of the answers to each prompt. Answers to one prompt are not independent,
     * so the interval of the mean is that of the prompts.
     */
    double[] byPrompt(int samples) {
      double[] means = new double[answers.size() / samples];
      for (int i = 0; i < answers.size(); i++) {
        means[i / samples] += answers.get(i).gold() / samples;
      }
      return means;
    }

    double meanTokens() {
      return answers.stream().mapToInt(ScoredAnswer::tokens).average().orElse(0);
    }

    double ended() {
      return answers.stream().mapToInt(answer -> answer.ended() ? 1 : 0).average().orElse(0);
    }
  }

  /**
   * What the file holds.
   *
   * @param settings hash of the settings
   * @param prompts hash of the prompts
   * @param samples answers to each prompt
   */
  private record Content(String settings, String prompts, int samples, List<Model> models) {
    Content {
      models = List.copyOf(models);
    }
  }

  private Comparison(RunDirectory folder, Content content) {
    this.folder = folder;
    this.content = content;
  }

  /** The comparison that there is in the folder of a pipeline. */
  static Optional<Comparison> find(RunDirectory folder) {
    Optional<byte[]> json = folder.read(FILE);
    try {
      return json.isEmpty()
          ? Optional.empty()
          : Optional.of(
              new Comparison(folder, CheckpointManifest.JSON.readValue(json.get(), Content.class)));
    } catch (IOException e) {
      throw UserException.failure(
          "%s/%s must be JSON as Firesteel writes it, got something else: delete it to compare the models again"
              .formatted(folder, FILE),
          e);
    }
  }

  /** The comparison in a folder, empty if it is not of these settings and prompts. */
  public static Comparison open(RunDirectory folder, String settings, String prompts, int samples) {
    return find(folder)
        .filter(
            found ->
                found.content.settings.equals(settings) && found.content.prompts.equals(prompts))
        .orElseGet(
            () -> new Comparison(folder, new Content(settings, prompts, samples, List.of())));
  }

  /** Whether the answers of a checkpoint are there. */
  public boolean has(String stage, String checkpoint) {
    return content.models.stream()
        .anyMatch(model -> model.stage().equals(stage) && model.checkpoint().equals(checkpoint));
  }

  /** Adds the answers of a model, in place of earlier ones of its stage. */
  public void add(Model model) {
    List<Model> models = new ArrayList<>(content.models);
    models.removeIf(one -> one.stage().equals(model.stage()));
    models.add(model);
    content = new Content(content.settings, content.prompts, content.samples, models);
    try {
      folder.replace(
          FILE,
          (CheckpointManifest.JSON.writeValueAsString(content) + "\n")
              .getBytes(StandardCharsets.UTF_8));
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /** Answers to each prompt. */
  int samples() {
    return content.samples;
  }

  /** The models with answers. */
  List<Model> models() {
    return content.models;
  }

  /** The answers of a stage's model. */
  Optional<Model> model(String stage) {
    return content.models.stream().filter(model -> model.stage().equals(stage)).findFirst();
  }

  /** The mean gold score of a stage's model. */
  Interval gold(Model model) {
    return Interval.of(model.byPrompt(content.samples));
  }

  /** The mean difference of two models' gold scores on the same prompts. */
  Interval difference(Model model, Model other) {
    double[] differences = model.byPrompt(content.samples);
    double[] others = other.byPrompt(content.samples);
    for (int i = 0; i < differences.length; i++) {
      differences[i] -= others[i];
    }
    return Interval.of(differences);
  }

  /** One line for each model: its gold score. */
  public List<String> lines() {
    return content.models.stream()
        .map(
            model -> {
              Interval gold = gold(model);
              return String.format(
                  Locale.ROOT,
                  "%s: gold score %.4f, 95 %% interval %.4f to %.4f, %d answers",
                  model.stage(),
                  gold.mean(),
                  gold.low(),
                  gold.high(),
                  model.answers().size());
            })
        .toList();
  }
}

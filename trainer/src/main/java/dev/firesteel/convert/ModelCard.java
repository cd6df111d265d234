package dev.firesteel.convert;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The model card of a Hugging Face directory: fields between lines of dashes, which the hub shows,
 * and what is known of the model, its run and its measurements.
 *
 * @param text of the file
 */
record ModelCard(String text) {
  static final String FILE = "README.md";

  private static final String CHECKPOINTS = "checkpoints";

  /** The run directory that a checkpoint lies in. */
  static Optional<Path> runOf(Path directory) {
    Path parent = directory.getParent();
    return parent != null && parent.getName().equals(CHECKPOINTS) && parent.getParent() != null
        ? Optional.of(parent.getParent())
        : Optional.empty();
  }

  /** The card of a model that lies in a directory. */
  static ModelCard of(
      PublishedModel model, String name, String license, Path directory, Configuration hadoop)
      throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add("---");
    lines.add("library_name: transformers");
    lines.add("pipeline_tag: " + (model.reward() ? "text-classification" : "text-generation"));
    if (!license.isEmpty()) {
      lines.add("license: " + license);
    }
    lines.add("tags:");
    lines.add("- firesteel");
    lines.add("- " + model.config().architecture().name().toLowerCase(Locale.ROOT));
    lines.add("---");
    lines.add("");
    lines.add("# " + name);
    lines.add("");
    lines.add(
        model.reward()
            ? "A reward model: it scores a text. Trained with Firesteel."
            : "A language model, trained with Firesteel.");
    lines.add("");
    lines.add("| | |");
    lines.add("|---|---|");
    row(lines, "architecture", model.config().architecture().name().toLowerCase(Locale.ROOT));
    row(lines, "parameters", String.format(Locale.ROOT, "%,d", model.elements()));
    row(lines, "layers", model.config().layers());
    row(lines, "width", model.config().width());
    row(
        lines,
        "heads",
        "%d, of keys and values %d".formatted(model.config().heads(), model.config().kvHeads()));
    row(lines, "context", model.config().contextLength() + " tokens");
    row(
        lines,
        "vocabulary",
        "%d tokens, %d rows"
            .formatted(model.tokenizer().vocabularySize(), model.config().vocabularySize()));
    row(lines, "license", license.isEmpty() ? "not stated" : license);
    Optional<Path> run = runOf(directory);
    if (run.isPresent()) {
      addRun(lines, RunDirectory.at(run.get(), hadoop), directory);
    }
    lines.add("");
    lines.add("## Use");
    lines.add("");
    lines.add("```python");
    if (model.reward()) {
      lines.add("from transformers import pipeline");
      lines.add(
          "score = pipeline(\"text-classification\", model=\"<this folder>\", function_to_apply=\"none\")");
    } else {
      lines.add("from transformers import AutoModelForCausalLM, AutoTokenizer");
      lines.add("tokenizer = AutoTokenizer.from_pretrained(\"<this folder>\")");
      lines.add("model = AutoModelForCausalLM.from_pretrained(\"<this folder>\")");
    }
    lines.add("```");
    return new ModelCard(String.join("\n", lines) + "\n");
  }

  private static void row(List<String> lines, String what, Object value) {
    lines.add("| %s | %s |".formatted(what, value));
  }

  private static void addRun(List<String> lines, RunDirectory run, Path checkpoint)
      throws IOException {
    row(lines, "run", run.path().getName() + ", " + checkpoint.getName());
    JsonNode json = run.run();
    JsonNode sessions = json.path("sessions");
    JsonNode last = sessions.path(sessions.size() - 1);
    if (last.isObject()) {
      row(lines, "trained", last.path("started").asText() + " (last start)");
      row(lines, "Firesteel", last.path("firesteel").asText());
      row(lines, "computed by", last.path("backend").asText());
      row(lines, "seed", last.path("seed").asText());
      row(lines, "data", "SHA-256 " + last.path("data_sha256").asText());
      row(lines, "tokenizer", "SHA-256 " + last.path("tokenizer_sha256").asText());
    }
    long step =
        Checkpoint.find(HadoopFiles.fileSystem(checkpoint, run.configuration()), checkpoint)
            .map(Checkpoint::step)
            .orElse(Long.MAX_VALUE);
    addMeasurements(lines, run, json, step);
    Optional<byte[]> config = run.read(RunDirectory.CONFIG);
    if (config.isPresent()) {
      lines.add("");
      lines.add("## Configuration of the run");
      lines.add("");
      lines.add("```yaml");
      lines.add(new String(config.get(), StandardCharsets.UTF_8).stripTrailing());
      lines.add("```");
    }
  }

  private static void addMeasurements(
      List<String> lines, RunDirectory run, JsonNode json, long step) {
    Optional<byte[]> rows = run.read(RunDirectory.METRICS);
    if (rows.isEmpty()) {
      return;
    }
    JsonNode last = null;
    for (JsonNode row : StepRows.parse(rows.get(), RunDirectory.METRICS)) {
      last = row.path("step").asLong() <= step ? row : last;
    }
    if (last == null) {
      return;
    }
    lines.add("");
    lines.add("## Measured at step " + last.path("step").asText());
    lines.add("");
    lines.add("| | |");
    lines.add("|---|---|");
    row(lines, "tokens trained on", last.path("tokens").asText());
    for (JsonNode metric : json.path("metrics")) {
      String key = metric.path("key").asText();
      boolean ofTheModel =
          !metric.path("unit").asText().contains("PER_SECOND")
              && !metric.path("label").asText().isEmpty();
      if (ofTheModel && last.path(key).isNumber()) {
        row(
            lines,
            metric.path("label").asText(),
            String.format(Locale.ROOT, "%.6g", last.path(key).asDouble()));
      }
    }
  }
}

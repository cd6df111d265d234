package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.ExampleRules.TrainOn;
import dev.firesteel.example.ExampleRules.Truncation;
import dev.firesteel.example.ExampleType;
import java.util.List;

/** Section {@code data} of the stages that train on examples: records, and what is made of them. */
public record ExampleDataConfig(
    @Setting(
            resume = Resume.SAME_DATA,
            required = true,
            meaning =
                "The records: a JSONL or Parquet file, a folder, a glob, a hdfs:/s3a: URI, a recipe"
                    + " under `datasets/` (such as `tales/instructions`), or `table:<name>` for a"
                    + " table or view of Spark's catalog.")
        String source,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "auto",
            meaning = "Form of a record; `auto` decides by its fields. See [sft.md](sft.md).")
        ExampleType type,
    @Setting(
            resume = Resume.SAME_DATA,
            meaning =
                "Fields to rename before a record is read, as `[\"prompt=question\","
                    + " \"completion=answer\"]`: the name that the type asks for, then the field's.")
        List<String> columns,
    @Setting(
            resume = Resume.SAME_DATA,
            meaning =
                "Chat template: `chatml`, `alpaca`, `llama3`, `vicuna`, `zephyr`, `plain`, or a file"
                    + " with a Jinja template. Default: the tokenizer's own, else `chatml` for"
                    + " conversations and `plain` for prompts and completions.")
        String template,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "answers",
            meaning =
                "Which tokens are targets: the assistant's `answers`, each with its end token, or"
                    + " `all`.")
        TrainOn trainOn,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "keep_start",
            meaning =
                "What becomes of an example of more than training.sequence_length tokens:"
                    + " `keep_start` or `keep_end` keeps that many tokens, `drop` drops it.")
        Truncation truncation,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "0.02",
            meaning =
                "Fraction of the examples that is held out for evaluation, by the hash of the"
                    + " prompt.")
        double validationFraction,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "0",
            meaning =
                "Maximum number of examples: those with the smallest hashes, a uniform sample. 0:"
                    + " all.")
        long maxExamples,
    @Setting(
            resume = Resume.FREE,
            byDefault = "0.01",
            meaning =
                "Largest fraction of bad records (broken JSON, missing fields, empty answers, unknown"
                    + " roles, ...) that are counted and left out; more are an error.")
        double maxBadFraction,
    @Setting(
            resume = Resume.SAME_DATA,
            meaning =
                "Folder of the prepared examples. Default: `data/<name of the source>-<hash of the"
                    + " settings that determine them>`.")
        String path) {

  public ExampleDataConfig {
    columns = List.copyOf(columns);
    Require.that(!source.isBlank(), "data.source must name the records, got an empty string");
    for (String column : columns) {
      Require.that(
          column.matches("[^=]+=[^=]+"),
          "data.columns must hold entries name=field, got \"%s\"".formatted(column));
    }
    Require.fraction("data.validation_fraction", validationFraction);
    Require.atLeast("data.max_examples", maxExamples, 0);
    Require.upToOne("data.max_bad_fraction", maxBadFraction);
  }

  /**
   * The same section with its folder resolved.
   *
   * @param kind what the stage makes of records
   * @param tokenizer where its tokenizer comes from
   * @param maxLength longest example in tokens
   */
  ExampleDataConfig resolved(ExampleKind kind, String tokenizer, int maxLength) {
    if (!path.isEmpty()) {
      return this;
    }
    ExamplePreparation settings = ExamplePreparation.of(this, kind, tokenizer, maxLength);
    return new ExampleDataConfig(
        source,
        type,
        columns,
        template,
        trainOn,
        truncation,
        validationFraction,
        maxExamples,
        maxBadFraction,
        settings.derivedPath());
  }
}

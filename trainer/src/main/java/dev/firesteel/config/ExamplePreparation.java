package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.ExampleRules.TrainOn;
import dev.firesteel.example.ExampleRules.Truncation;
import dev.firesteel.example.ExampleType;
import java.util.List;

/**
 * The settings that determine the examples that are prepared from records: the key under which they
 * are reused.
 *
 * @param tokenizer the model whose tokenizer is used, as configured
 * @param maxLength longest example in tokens
 */
public record ExamplePreparation(
    String source,
    ExampleKind kind,
    ExampleType type,
    List<String> columns,
    String template,
    TrainOn trainOn,
    Truncation truncation,
    double validationFraction,
    long maxExamples,
    String tokenizer,
    int maxLength) {

  static ExamplePreparation of(
      ExampleDataConfig data, ExampleKind kind, String tokenizer, int maxLength) {
    return new ExamplePreparation(
        data.source(),
        kind,
        data.type(),
        data.columns(),
        data.template(),
        data.trainOn(),
        data.truncation(),
        data.validationFraction(),
        data.maxExamples(),
        tokenizer,
        maxLength);
  }

  /** SHA-256 of the settings' YAML, in hexadecimal. */
  public String hash() {
    return ConfigLoader.hash(this);
  }

  /** {@code data/<name>-<hash>}: different settings use a different folder. */
  String derivedPath() {
    return PreparationSettings.folder(source, hash());
  }
}

package dev.firesteel.example;

import dev.firesteel.error.UserException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How records become examples.
 *
 * @param kind what the stage needs
 * @param type the fields of a record
 * @param columns fields to rename first, each as {@code prompt=question}: the field {@code
 *     question} of the file is the {@code prompt}
 * @param templateStrings whether prompts and completions that are strings are turns of a
 *     conversation, written with the chat template; otherwise they are put together as they are
 * @param trainOn which tokens are trained, in fine-tuning
 * @param maxLength most tokens of a document
 * @param truncation what happens to longer ones
 */
public record ExampleRules(
    ExampleKind kind,
    ExampleType type,
    List<String> columns,
    boolean templateStrings,
    TrainOn trainOn,
    int maxLength,
    Truncation truncation) {
  /** Which tokens are trained. */
  public enum TrainOn {
    /** Those of answers, with their end tokens. */
    ANSWERS,
    /** All but the first, which nothing precedes. */
    ALL
  }

  /** What happens to a document that is too long. */
  public enum Truncation {
    /** Its end is cut away, and with it the end token. */
    KEEP_START,
    /** Its beginning is cut away. */
    KEEP_END,
    /** The example is not used. */
    DROP
  }

  /** Checks the values and that they fit together. */
  public ExampleRules {
    columns = List.copyOf(columns);
    if (!type.is(kind)) {
      throw UserException.usage(
          "the dataset type for %s must be one of auto, %s, got %s: choose one of them, or another stage"
              .formatted(
                  kind.label(),
                  ExampleType.of(kind).stream()
                      .map(ExampleType::label)
                      .collect(Collectors.joining(", ")),
                  type.label()));
    }
    if (maxLength < 2) {
      throw UserException.usage(
          "an example must be allowed 2 tokens at least, one to predict another from, got %d: raise the maximum length"
              .formatted(maxLength));
    }
    names(columns);
  }

  /** The names in the file by the names of the fields. */
  Map<String, String> names() {
    return names(columns);
  }

  private static Map<String, String> names(List<String> columns) {
    Map<String, String> names = new LinkedHashMap<>();
    for (String column : columns) {
      int equals = column.indexOf('=');
      if (equals < 1 || equals == column.length() - 1) {
        throw UserException.usage(
            "a column must be given as field=name in the file, for example prompt=question, got %s"
                .formatted(column));
      }
      String field = column.substring(0, equals).strip();
      if (names.put(field, column.substring(equals + 1).strip()) != null) {
        throw UserException.usage(
            "a field must be renamed once, got several columns for %s: keep one of them"
                .formatted(field));
      }
    }
    return names;
  }
}

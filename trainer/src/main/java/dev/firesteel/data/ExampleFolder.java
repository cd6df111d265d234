package dev.firesteel.data;

import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Writes examples that a program made in memory as a folder of prepared examples, which {@code
 * data.path} may name: no records are read, and no chat template is kept.
 */
public final class ExampleFolder {
  private static final String TOKENIZER = "tokenizer.json";

  /** Of what is made in memory, and not from records by settings. */
  private static final String NONE = "none";

  private ExampleFolder() {}

  /**
   * Writes a folder; {@link ExampleDataset#open} reads it.
   *
   * @param tokenizer whose tokens the examples have
   * @param train at least one
   * @param validation possibly none
   */
  public static void write(
      Path folder,
      ExampleKind kind,
      Tokenizer tokenizer,
      List<Example> train,
      List<Example> validation,
      Configuration conf) {
    write(new Path(folder, TOKENIZER), tokenizer.toJson().getBytes(StandardCharsets.UTF_8), conf);
    long count = (long) train.size() + validation.size();
    new ExampleManifest(
            ExampleManifest.VERSION,
            kind.name().toLowerCase(Locale.ROOT),
            NONE,
            NONE,
            new DatasetManifest.Inputs(0, 0, NONE),
            new DatasetManifest.TokenizerInfo(
                TOKENIZER, tokenizer.sha256(), tokenizer.vocabularySize()),
            "",
            new ExampleManifest.Counts(count, count, Map.of(), Map.of(), 0, 0, Map.of()),
            split(folder, "train.jsonl", train, conf),
            split(folder, "validation.jsonl", validation, conf))
        .write(folder, conf);
  }

  private static ExampleManifest.SplitInfo split(
      Path folder, String name, List<Example> examples, Configuration conf) {
    if (examples.isEmpty()) {
      return new ExampleManifest.SplitInfo(0, 0, 0, 0, 0, List.of());
    }
    StringBuilder lines = new StringBuilder();
    examples.forEach(example -> lines.append(ExampleLine.write(example)).append('\n'));
    byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
    write(new Path(folder, name), bytes, conf);
    List<TrainedTokens> documents = ExampleOrder.documents(examples);
    return new ExampleManifest.SplitInfo(
        examples.size(),
        documents.size(),
        documents.stream().mapToLong(TrainedTokens::length).sum(),
        documents.stream().mapToLong(TrainedTokens::trainedCount).sum(),
        documents.stream().mapToInt(TrainedTokens::length).max().orElseThrow(),
        List.of(
            new ExampleManifest.FileEntry(
                name,
                examples.size(),
                bytes.length,
                HexFormat.of().formatHex(HadoopFiles.sha256().digest(bytes)))));
  }

  private static void write(Path file, byte[] bytes, Configuration conf) {
    try (OutputStream out = HadoopFiles.fileSystem(file, conf).create(file, true)) {
      out.write(bytes);
    } catch (IOException e) {
      throw HadoopFiles.explain("writing " + file, e);
    }
  }
}

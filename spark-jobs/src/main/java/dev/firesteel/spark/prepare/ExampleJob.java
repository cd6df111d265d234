package dev.firesteel.spark.prepare;

import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;

/**
 * Prepares examples from records: reads them, renders and tokenizes them, counts what is no
 * example, holds some out for evaluation, and writes files of examples and, last, the manifest.
 *
 * <p>The same settings and records give the same bytes, with any partitions, threads and executors.
 * Existing examples are reused if they were prepared with the same settings and records; other data
 * is never overwritten.
 *
 * <p>Runs on the driver.
 */
public final class ExampleJob {
  private final SparkSession spark;
  private final ExampleStageConfig config;
  private final Consumer<String> progress;
  private final Configuration conf;
  private final Path folder;

  private ExampleJob(SparkSession spark, ExampleStageConfig config, Consumer<String> progress) {
    this.spark = spark;
    this.config = config;
    this.progress = progress;
    conf = spark.sparkContext().hadoopConfiguration();
    folder = new Path(config.data().path());
  }

  /**
   * Prepares the examples of a configuration, or finds them prepared.
   *
   * @param rebuild delete the folder's content, if it is prepared data, and prepare it again
   * @param progress receives messages about the work in progress
   */
  public static ExampleManifest run(
      SparkSession spark, ExampleStageConfig config, boolean rebuild, Consumer<String> progress) {
    ExampleJob job = new ExampleJob(spark, config, progress);
    try {
      return job.run(rebuild);
    } catch (IOException e) {
      throw HadoopFiles.explain("preparing " + job.folder, e);
    }
  }

  /**
   * Finds the records of a source, and makes those of a recipe, without reading them.
   *
   * @throws UserException if there are none, or they have another format
   */
  public static void requireSource(SparkSession spark, String source, Consumer<String> progress) {
    ExampleRecords.read(spark, source, progress);
  }

  @SuppressWarnings("try") // The lock is held, not used.
  private ExampleManifest run(boolean rebuild) throws IOException {
    ExampleRecords records = ExampleRecords.read(spark, config.data().source(), progress);
    FileSystem fs = HadoopFiles.fileSystem(folder, conf);
    Optional<ExampleManifest> existing = ExampleManifest.find(folder, conf);
    PreparedFolder own = new PreparedFolder(fs, folder);
    if (existing.isPresent() && !rebuild) {
      ExampleManifest manifest = existing.get();
      own.requireSame(
          "examples that were",
          manifest.settingsSha256(),
          config.preparation().hash(),
          manifest.inputs(),
          records.inputs());
      requireFewBad(manifest.counts());
      return manifest;
    }
    own.require();
    try (FolderLock lock = own.lock()) {
      return build(records, own);
    }
  }

  private ExampleManifest build(ExampleRecords records, PreparedFolder own) {
    Path model = new Path(config.model().from());
    RecordEncoder encoder;
    Tokenizer tokenizer;
    try {
      FileSystem fs = HadoopFiles.fileSystem(model, conf);
      tokenizer = ModelDirectory.readTokenizer(fs, model);
      encoder = RecordEncoder.of(config, tokenizer, fs, model);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the tokenizer of " + model, e);
    }
    progress.accept("Reading records from " + config.data().source());
    JavaRDD<PreparedRecord> encoded =
        records.lines().map(encoder).persist(StorageLevel.DISK_ONLY());
    try {
      ExampleTally tally = tally(encoded);
      ExampleManifest.Counts counts = counts(tally);
      requireFewBad(counts);
      if (counts.kept() == 0) {
        throw UserException.usage(
            "data.source %s must hold records of which examples can be made, got none: %s"
                .formatted(config.data().source(), ExampleCounts.describe(counts)));
      }
      String template = tally.templated() > 0 ? encoder.templateSource() : "";
      return write(encoded, records, counts, tokenizer, template, own);
    } finally {
      encoded.unpersist(false);
    }
  }

  private ExampleTally tally(JavaRDD<PreparedRecord> encoded) {
    try {
      return ExampleTally.of(encoded);
    } catch (Exception e) { // Spark's own is checked, but not declared.
      Optional<String> file = Failures.unreadFile(e);
      if (file.isPresent() && Failures.surroundings(e).isEmpty()) {
        throw UserException.failure(
            "%s must be undamaged and of the format that its extension names, got a file that cannot be read to its end: download it again"
                .formatted(file.get()),
            e);
      }
      throw e;
    }
  }

  private ExampleManifest.Counts counts(ExampleTally tally) {
    long limit = config.data().maxExamples();
    long keep = limit == 0 ? tally.kept() : Math.min(tally.kept(), limit);
    Map<String, String> first = new LinkedHashMap<>();
    tally.first().forEach((reason, record) -> first.put(reason, place(record) + record.text()));
    return new ExampleManifest.Counts(
        tally.read(),
        keep,
        tally.bad(),
        tally.dropped(),
        tally.truncated(),
        tally.kept() - keep,
        first);
  }

  private String place(PreparedRecord record) {
    OptionalLong line = ExampleRecords.lineNumber(record, conf);
    return line.isEmpty()
        ? ""
        : "%s line %d: "
            .formatted(
                HadoopFiles.withPlainPaths(new Path(record.file()).getName()), line.getAsLong());
  }

  private void requireFewBad(ExampleManifest.Counts counts) {
    double fraction = (double) counts.badCount() / Math.max(1, counts.read());
    if (fraction > config.data().maxBadFraction()) {
      throw UserException.usage(
          "at most %s of the records of %s may be bad (data.max_bad_fraction), got %d of %d: %s"
              .formatted(
                  ExampleCounts.percent(config.data().maxBadFraction()),
                  config.data().source(),
                  counts.badCount(),
                  counts.read(),
                  ExampleCounts.reasons(counts.bad(), counts.first())));
    }
  }

  private ExampleManifest write(
      JavaRDD<PreparedRecord> encoded,
      ExampleRecords records,
      ExampleManifest.Counts counts,
      Tokenizer tokenizer,
      String template,
      PreparedFolder own) {
    boolean done = false;
    try {
      own.clear();
      TokenizerFiles.write(own.fileSystem(), folder, tokenizer);
      List<ExampleFiles.Written> files = ExampleFiles.write(encoded, counts.kept(), folder, conf);
      ExampleManifest manifest =
          new ExampleManifest(
              ExampleManifest.VERSION,
              config.kind().name().toLowerCase(Locale.ROOT),
              config.data().source(),
              config.preparation().hash(),
              records.inputs(),
              new DatasetManifest.TokenizerInfo(
                  PrepareJob.TOKENIZER_FILE, tokenizer.sha256(), tokenizer.vocabularySize()),
              template,
              counts,
              split(files, DatasetManifest.Part.TRAIN),
              split(files, DatasetManifest.Part.VALIDATION));
      manifest.write(folder, conf);
      done = true;
      return manifest;
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("preparing " + folder, e);
    } finally {
      if (!done) {
        own.clearAfterFailure();
      }
    }
  }

  private static ExampleManifest.SplitInfo split(
      List<ExampleFiles.Written> files, DatasetManifest.Part part) {
    List<ExampleManifest.FileEntry> entries = new ArrayList<>();
    long examples = 0;
    long documents = 0;
    long tokens = 0;
    long trained = 0;
    int longest = 0;
    for (ExampleFiles.Written file : files) {
      if (!file.entry().name().startsWith(part.title() + "-")) {
        continue;
      }
      entries.add(file.entry());
      examples += file.entry().examples();
      documents += file.documents();
      tokens += file.tokens();
      trained += file.trained();
      longest = Math.max(longest, file.longest());
    }
    return new ExampleManifest.SplitInfo(examples, documents, tokens, trained, longest, entries);
  }
}

package dev.firesteel.spark.prepare;

import dev.firesteel.config.DataConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.TokenEncoding;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.TrainingData;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.SparkSession;

/**
 * Prepares data from text: reads, drops invalid records and duplicates, selects validation text,
 * trains or loads the tokenizer, tokenizes, packs, writes shards and, last, the manifest.
 *
 * <p>The same settings and files give the same bytes, whatever the partitions, threads and
 * executors. Existing data is reused if it was prepared with the same settings and files; other
 * data is never overwritten.
 *
 * <p>Runs on the driver.
 */
public final class PrepareJob {
  static final String TOKENIZER_FILE = "tokenizer.json";

  private final SparkSession spark;
  private final PretrainConfig config;
  private final Consumer<String> progress;
  private final Configuration conf;
  private final Path folder;

  private PrepareJob(SparkSession spark, PretrainConfig config, Consumer<String> progress) {
    this.spark = spark;
    this.config = config;
    this.progress = progress;
    this.conf = spark.sparkContext().hadoopConfiguration();
    this.folder = new Path(config.data().path());
  }

  /** The data's manifest, and whether it already existed. */
  public record Prepared(DatasetManifest manifest, boolean upToDate) {}

  /**
   * Prepares the data of a configuration, or finds it prepared.
   *
   * @param rebuild delete the folder's content, if it is prepared data, and prepare it again
   * @param progress receives messages about the work in progress
   */
  public static Prepared run(
      SparkSession spark, PretrainConfig config, boolean rebuild, Consumer<String> progress) {
    var job = new PrepareJob(spark, config, progress);
    try {
      return job.run(rebuild);
    } catch (IOException e) {
      throw HadoopFiles.explain("preparing " + job.folder, e);
    }
  }

  /** Trains the tokenizer as {@link #run} does, and writes nothing. */
  public static Tokenizer trainTokenizer(
      SparkSession spark, PretrainConfig config, Consumer<String> progress) {
    var job = new PrepareJob(spark, config, progress);
    SourceFiles source = SourceFiles.find(spark, config.data(), progress);
    return job.withDocuments(source, source.inputs(), Selected::train);
  }

  @SuppressWarnings("try") // The lock is held, not used.
  private Prepared run(boolean rebuild) throws IOException {
    DataConfig data = config.data();
    Optional<Tokenizer> given = givenTokenizer();
    given.ifPresent(tokenizer -> TokenEncoding.of(data.tokenType(), tokenizer.vocabularySize()));
    SourceFiles source = SourceFiles.find(spark, data, progress);
    DatasetManifest.Inputs inputs = source.inputs();
    String settings = TrainingData.settingsSha256(config.preparation(), given);

    FileSystem fs = HadoopFiles.fileSystem(folder, conf);
    Optional<DatasetManifest> existing = DatasetManifest.find(folder, conf);
    PreparedFolder own = new PreparedFolder(fs, folder);
    if (existing.isPresent() && !rebuild) {
      DatasetManifest manifest = existing.get();
      own.requireSame(
          "data that was", manifest.settingsSha256(), settings, manifest.inputs(), inputs);
      return new Prepared(manifest, true);
    }
    own.require();
    try (FolderLock lock = own.lock()) {
      return new Prepared(build(source, inputs, settings, given, own), false);
    }
  }

  /**
   * The tokenizer of {@code tokenizer.file}. The one beside the prepared data stands for a file
   * that is gone, since the settings' hash decides whether it is the same.
   */
  private Optional<Tokenizer> givenTokenizer() throws IOException {
    String file = config.tokenizer().file();
    if (file.isEmpty()) {
      return Optional.empty();
    }
    Path kept = new Path(folder, TOKENIZER_FILE);
    boolean gone = !exists(new Path(file)) && exists(kept);
    return Optional.of(TokenizerTraining.load(gone ? kept.toString() : file, conf));
  }

  private boolean exists(Path file) throws IOException {
    return HadoopFiles.fileSystem(file, conf).exists(file);
  }

  private DatasetManifest build(
      SourceFiles source,
      DatasetManifest.Inputs inputs,
      String settings,
      Optional<Tokenizer> given,
      PreparedFolder own) {
    return withDocuments(
        source,
        inputs,
        selected -> {
          Tokenizer tokenizer = given.orElseGet(selected::train);
          requireSeparator(tokenizer, selected.counts.kept());
          // Earlier data is kept until here, when all possible errors in the text have been
          // checked.
          boolean done = false;
          try {
            own.clear();
            DatasetManifest manifest =
                write(selected, inputs, settings, tokenizer, own.fileSystem());
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
        });
  }

  /** A single document needs none; nanoGPT's vocabulary has none. */
  private void requireSeparator(Tokenizer tokenizer, long documents) {
    if (documents > 1 && tokenizer.endOfText().isEmpty()) {
      throw UserException.usage(
          "tokenizer.file %s must have a special token that ends each of the %d documents, got none named by eos_token of a tokenizer_config.json next to it or by a well-known name (%s, </s>): name it in a tokenizer_config.json, or train a tokenizer on this text"
              .formatted(config.tokenizer().file(), documents, Tokenizer.END_OF_TEXT));
    }
  }

  private DatasetManifest write(
      Selected selected,
      DatasetManifest.Inputs inputs,
      String settings,
      Tokenizer tokenizer,
      FileSystem fs)
      throws IOException {
    TokenEncoding encoding =
        TokenEncoding.of(config.data().tokenType(), tokenizer.vocabularySize());
    TokenizerFiles.write(fs, folder, tokenizer);
    String separator = TrainingData.otherSeparator(tokenizer).orElse("");
    progress.accept(
        "Tokenizing with %d tokens%s"
            .formatted(
                tokenizer.vocabularySize(),
                separator.isEmpty() ? "" : ", of which " + separator + " separates documents"));
    Sharding.Written written =
        Sharding.write(
            selected.documents,
            selected.split,
            tokenizer,
            encoding,
            config.data().shardTokens(),
            folder,
            conf);
    return new DatasetManifest(
        DatasetManifest.VERSION,
        selected.source,
        settings,
        inputs,
        new DatasetManifest.TokenizerInfo(
            TOKENIZER_FILE, tokenizer.sha256(), tokenizer.vocabularySize()),
        encoding,
        selected.split.kind().name().toLowerCase(Locale.ROOT),
        selected.counts,
        written.train(),
        written.validation());
  }

  /** The documents that are kept, and the split of each. */
  private final class Selected {
    private final JavaRDD<Document> documents;
    private final Split split;
    private final DatasetManifest.DocumentCounts counts;
    private final String source;

    Selected(JavaRDD<Document> documents, SourceFiles source) {
      this.documents = documents;
      this.source = source.table().map(SparkTable::described).orElse(config.data().source());
      Tally[] tallies = Tally.of(documents);
      Tally all = Tally.sum(tallies);
      requireText(all, source);
      long limit = config.data().maxDocuments();
      long keep = limit == 0 ? all.documents() : Math.min(all.documents(), limit);
      this.counts = counts(all, keep, source);
      progress.accept(describe(counts));
      this.split = Split.of(config.data(), keep, tallies, documents);
    }

    Tokenizer train() {
      return TokenizerTraining.train(config.tokenizer(), documents, split, counts.kept(), progress);
    }
  }

  private <T> T withDocuments(
      SourceFiles source, DatasetManifest.Inputs inputs, Function<Selected, T> work) {
    progress.accept(
        "Reading %d %s, %.1f MB, from %s"
            .formatted(
                inputs.files(),
                inputs.files() == 1 ? "file" : "files",
                inputs.bytes() / 1e6,
                config.data().source()));
    JavaRDD<Document> documents = DocumentReader.read(spark, source, config.data());
    try {
      return work.apply(select(documents, source));
    } finally {
      documents.unpersist(false);
    }
  }

  /** Reads all files for the first time: damaged ones are found here. */
  private Selected select(JavaRDD<Document> documents, SourceFiles source) {
    try {
      return new Selected(documents, source);
    } catch (Exception e) { // Spark's own is checked, but not declared.
      Optional<String> file = Failures.unreadFile(e);
      if (file.isPresent() && Failures.surroundings(e).isEmpty()) {
        throw UserException.failure(
            "%s must be undamaged and of the format that its extension names, got a file that cannot be read to its end (%s): download it again"
                .formatted(file.get(), reason(Failures.root(e))),
            e);
      }
      throw e;
    }
  }

  private static String reason(Throwable root) {
    return root.getMessage() == null
        ? root.getClass().getSimpleName()
        : Failures.firstLine(root.getMessage());
  }

  private void requireText(Tally all, SourceFiles source) {
    if (all.documents() > 0) {
      return;
    }
    DataConfig data = config.data();
    long missing = all.count(Document.MISSING_TEXT);
    if (missing > 0) {
      String first =
          source.format() == DataConfig.Format.JSONL
              ? DocumentReader.firstLines(spark, source, 1).stream()
                  .findFirst()
                  .map(line -> "; the first is " + shortened(line))
                  .orElse("")
              : "";
      throw UserException.usage(
          "data.text_field must name a field with text, got \"%s\", which none of the %d records of %s has%s"
              .formatted(data.textField(), missing, data.source(), first));
    }
    DatasetManifest.DocumentCounts counts = counts(all, 0, source);
    throw UserException.usage(
        "data.source %s must hold text, got none: of %d documents %d are empty and %d are malformed (%s)"
            .formatted(
                data.source(),
                counts.read(),
                counts.empty(),
                all.count(Document.MALFORMED),
                source.format() == DataConfig.Format.JSONL
                    ? "not one JSON object a line, invalid UTF-8, or a NUL character"
                    : "invalid UTF-8, or a NUL character"));
  }

  private static String shortened(String line) {
    int most = 120;
    return line.codePointCount(0, line.length()) <= most
        ? line
        : line.substring(0, line.offsetByCodePoints(0, most)) + "...";
  }

  private DatasetManifest.DocumentCounts counts(Tally all, long keep, SourceFiles source) {
    long emptyFiles = source.emptyDocuments(config.data().documentUnit());
    long read = emptyFiles;
    for (byte outcome = 0; outcome < Document.OUTCOMES; outcome++) {
      read += all.count(outcome);
    }
    return new DatasetManifest.DocumentCounts(
        read,
        all.count(Document.EMPTY) + emptyFiles,
        all.count(Document.MALFORMED),
        all.count(Document.MISSING_TEXT),
        all.count(Document.DUPLICATE),
        all.documents() - keep,
        keep);
  }

  /** The counts as one line. */
  public static String describe(DatasetManifest.DocumentCounts counts) {
    return "Read %d documents, dropped %d (%d empty, %d malformed, %d without text field, %d duplicates, %d over the limit), kept %d"
        .formatted(
            counts.read(),
            counts.dropped(),
            counts.empty(),
            counts.malformed(),
            counts.missingText(),
            counts.duplicate(),
            counts.overLimit(),
            counts.kept());
  }
}

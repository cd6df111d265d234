package dev.firesteel.spark;

import static org.apache.spark.sql.functions.btrim;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.is_valid_utf8;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;

import dev.firesteel.config.DataConfig;
import dev.firesteel.data.DataFiles;
import dev.firesteel.error.UserException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.PairFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import scala.Tuple2;

/**
 * Reads the source with Spark SQL and gives its documents in an order that depends on nothing but
 * their texts (or, for {@code split: tail} of whole files, on their paths): neither on partitions
 * nor on threads. Duplicates meet in that order, and all but the first are dropped.
 */
final class PrepareDocuments {
  private static final String CORRUPT = "__corrupt_record";
  private static final String WHITE_SPACE = " \t\r\n";
  private static final long PARTITION_BYTES = 32L << 20;

  private PrepareDocuments() {}

  /**
   * The documents, and after them nothing else than the records that were dropped, on the
   * executors' disks.
   */
  static JavaRDD<PrepareDocument> read(SparkSession spark, PrepareSource source, DataConfig data) {
    var context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    boolean wholeFiles =
        source.format() == DataConfig.Format.TEXT
            && data.documentUnit() == DataConfig.DocumentUnit.FILE;
    boolean byFile = wholeFiles && data.split() == DataConfig.Split.TAIL;
    String[] names = byFile ? source.names() : new String[0];
    Broadcast<String[]> broadcastNames = context.broadcast(names);
    int partitions =
        (int)
            Math.max(
                context.defaultParallelism(),
                Math.min(10_000, source.inputs().bytes() / PARTITION_BYTES + 1));

    JavaRDD<PrepareDocument> documents =
        records(spark, source, data, wholeFiles)
            .toJavaRDD()
            .map(row -> document(row, broadcastNames.value()));
    JavaRDD<PrepareDocument> ordered =
        sorted(documents, new ByHash(partitions), byHash())
            .mapPartitions(data.deduplicate() ? new Deduplicate() : documentsAsTheyAre());
    if (byFile) {
      ordered = sorted(ordered, new ByFile(partitions, names.length), byFile());
    }
    return ordered.persist(StorageLevel.DISK_ONLY());
  }

  /** Columns: the outcome so far, the text where it is one, the file. */
  private static Dataset<Row> records(
      SparkSession spark, PrepareSource source, DataConfig data, boolean wholeFiles) {
    // Our own copy of the session's settings. All files are listed already: to list them again
    // with a job of its own is slow, and ships classes that Kryo does not know.
    SparkSession session = spark.newSession();
    session.conf().set("spark.sql.sources.parallelPartitionDiscovery.threshold", Integer.MAX_VALUE);
    Column file = lit("");
    Dataset<Row> read;
    Column text;
    Column malformed;
    Column blank = lit(false);
    switch (source.format()) {
      case PARQUET -> {
        read = session.read().parquet(source.globs());
        text = parquetText(read, data);
        malformed = lit(false);
      }
      case JSONL -> {
        read = lines(session, source);
        Column record =
            from_json(
                col("value"),
                new StructType()
                    .add(data.textField(), DataTypes.StringType)
                    .add(CORRUPT, DataTypes.StringType),
                Map.of("columnNameOfCorruptRecord", CORRUPT, "mode", "PERMISSIVE"));
        read = read.select(col("value"), record.alias("record"));
        text = col("record").getField(data.textField());
        malformed = col("record").isNull().or(col("record").getField(CORRUPT).isNotNull());
        blank = isBlank(col("value"));
      }
      default -> {
        read =
            wholeFiles
                ? session.read().option("wholetext", true).text(source.globs())
                : lines(session, source);
        if (wholeFiles) {
          file = col("_metadata.file_path");
        }
        text = col("value");
        malformed = lit(false);
      }
    }
    Column outcome =
        when(blank, lit(PrepareDocument.EMPTY))
            .when(malformed, lit(PrepareDocument.MALFORMED))
            .when(text.isNull(), lit(PrepareDocument.MISSING_TEXT))
            .when(isBlank(text), lit(PrepareDocument.EMPTY))
            // UTF-16 of Latin letters is UTF-8 too, with a zero byte beside each.
            .when(text.contains("\u0000"), lit(PrepareDocument.MALFORMED))
            .when(coalesce(is_valid_utf8(text), lit(true)), lit(PrepareDocument.TEXT))
            .otherwise(lit(PrepareDocument.MALFORMED));
    return read.select(
        outcome.alias("outcome"),
        when(outcome.equalTo(lit(PrepareDocument.TEXT)), text).alias("text"),
        file.alias("file"));
  }

  private static Dataset<Row> lines(SparkSession session, PrepareSource source) {
    return session.read().text(source.globs());
  }

  private static Column isBlank(Column text) {
    return length(btrim(text, lit(WHITE_SPACE))).equalTo(lit(0));
  }

  private static Column parquetText(Dataset<Row> read, DataConfig data) {
    var field =
        Arrays.stream(read.schema().fields())
            .filter(each -> each.name().equals(data.textField()))
            .findFirst()
            .orElseThrow(
                () ->
                    UserException.usage(
                        "data.text_field must name a column of %s, got \"%s\": the columns are %s"
                            .formatted(
                                data.source(),
                                data.textField(),
                                String.join(", ", read.columns()))));
    if (!field.dataType().equals(DataTypes.StringType)) {
      throw UserException.usage(
          "data.text_field must name a column of text, got \"%s\" of type %s in %s"
              .formatted(data.textField(), field.dataType().simpleString(), data.source()));
    }
    return col("`" + data.textField().replace("`", "``") + "`");
  }

  /** A few whole lines of the source, to show what a record looks like. */
  static List<String> firstLines(SparkSession spark, PrepareSource source, int count) {
    return spark
        .newSession()
        .read()
        .text(source.globs()[0])
        .toJavaRDD()
        .map(row -> row.getString(0))
        .take(count);
  }

  private static PrepareDocument document(Row row, String[] names) {
    byte outcome = row.getByte(0);
    if (outcome != PrepareDocument.TEXT) {
      return PrepareDocument.dropped(outcome);
    }
    String text = row.getString(1);
    byte[] hash = DataFiles.sha256().digest(text.getBytes(StandardCharsets.UTF_8));
    int file =
        names.length == 0 ? 0 : Arrays.binarySearch(names, URI.create(row.getString(2)).getPath());
    if (file < 0) {
      throw new IllegalStateException("Spark read " + row.getString(2) + ", which was not listed");
    }
    return PrepareDocument.text(HexFormat.of().formatHex(hash), file, text);
  }

  private static JavaRDD<PrepareDocument> sorted(
      JavaRDD<PrepareDocument> documents,
      Partitioner partitioner,
      PairFunction<PrepareDocument, String, PrepareDocument> key) {
    return documents.mapToPair(key).repartitionAndSortWithinPartitions(partitioner).values();
  }

  private static PairFunction<PrepareDocument, String, PrepareDocument> byHash() {
    return document -> new Tuple2<>(document.hash() + fileDigits(document.file()), document);
  }

  private static PairFunction<PrepareDocument, String, PrepareDocument> byFile() {
    return document ->
        new Tuple2<>(
            document.isText() ? fileDigits(document.file()) + document.hash() : "", document);
  }

  /** Ten digits, so that the texts are in the order of the numbers. */
  private static String fileDigits(int file) {
    return String.format(Locale.ROOT, "%010d", file);
  }

  private static FlatMapFunction<Iterator<PrepareDocument>, PrepareDocument> documentsAsTheyAre() {
    return documents -> documents;
  }

  /** Turns each document whose hash is that of the one before it into a dropped record. */
  private static final class Deduplicate
      implements FlatMapFunction<Iterator<PrepareDocument>, PrepareDocument> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<PrepareDocument> call(Iterator<PrepareDocument> documents) {
      return new Iterator<>() {
        private String last = "";

        @Override
        public boolean hasNext() {
          return documents.hasNext();
        }

        @Override
        public PrepareDocument next() {
          PrepareDocument document = documents.next();
          if (!document.isText()) {
            return document;
          }
          if (document.hash().equals(last)) {
            return PrepareDocument.dropped(PrepareDocument.DUPLICATE);
          }
          last = document.hash();
          return document;
        }
      };
    }
  }

  /**
   * Cuts the range of hashes, which are spread evenly, into equal parts: no sampling is needed, and
   * the partitions are the same each time. Dropped records have no hash and are in the first.
   */
  private static final class ByHash extends Partitioner {
    private static final long serialVersionUID = 1L;
    private static final int DIGITS = 8;

    private final int partitions;

    ByHash(int partitions) {
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      String text = (String) key;
      // A dropped record's key is the ten digits of its file, all zero.
      long position = Long.parseLong(text.substring(0, DIGITS), 16);
      return (int) ((position * partitions) >>> (4 * DIGITS));
    }
  }

  /** Files with neighbouring numbers stay together. */
  private static final class ByFile extends Partitioner {
    private static final long serialVersionUID = 1L;
    private static final int DIGITS = 10;

    private final int partitions;
    private final int files;

    ByFile(int partitions, int files) {
      this.partitions = partitions;
      this.files = files;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      String text = (String) key;
      return text.isEmpty()
          ? 0
          : (int) (Long.parseLong(text.substring(0, DIGITS)) * partitions / files);
    }
  }
}

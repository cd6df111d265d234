package dev.firesteel.spark.prepare;

import static org.apache.spark.sql.functions.col;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.net.URI;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.PairFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RuntimeConfig;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import scala.Tuple2;

/**
 * Reads the source with Spark SQL and returns its documents in an order that depends only on their
 * texts (or, for {@code split: tail} of whole files, on their paths), not on partitions or threads.
 * Duplicates are adjacent in that order, and all but the first are dropped.
 */
final class DocumentReader {
  private static final long PARTITION_BYTES = 32L << 20;

  private DocumentReader() {}

  /** The documents, and only after them the dropped records, on the executors' disks. */
  static JavaRDD<Document> read(SparkSession spark, SourceFiles source, DataConfig data) {
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

    JavaRDD<Document> documents = records(spark, source, data, broadcastNames);
    JavaRDD<Document> ordered =
        sorted(documents, new ByHash(partitions), byHash())
            .mapPartitions(data.deduplicate() ? new Deduplicate() : documentsAsTheyAre());
    if (byFile) {
      ordered = sorted(ordered, new ByFile(partitions, names.length), byFile());
    }
    return ordered.persist(StorageLevel.DISK_ONLY());
  }

  private static JavaRDD<Document> records(
      SparkSession spark, SourceFiles source, DataConfig data, Broadcast<String[]> names) {
    String field = data.textField();
    if (source.table().isPresent()) {
      return source.table().get().records(field);
    }
    DataFrameReader reader = reader(spark);
    return switch (source.format()) {
      case PARQUET -> {
        ParquetColumn.requireColumn(spark, source, data);
        yield reader
            // Only this column: Spark may not be able to read the types of the others.
            .schema(new StructType().add(field, DataTypes.StringType))
            .parquet(source.globs())
            .select(col("`" + field.replace("`", "``") + "`").cast(DataTypes.BinaryType))
            .toJavaRDD()
            .map(row -> RecordRules.ofColumn(bytes(row)));
      }
      case JSONL ->
          reader
              .text(source.globs())
              .select(
                  col("value").cast(DataTypes.BinaryType),
                  col("_metadata.file_path"),
                  col("_metadata.file_block_start"))
              .toJavaRDD()
              .mapPartitions(new JsonRecords(field));
      default -> {
        boolean lines = data.documentUnit() == DataConfig.DocumentUnit.LINE;
        JavaRDD<Row> rows =
            reader
                .option("wholetext", !lines)
                .text(source.globs())
                .select(col("value").cast(DataTypes.BinaryType), col("_metadata.file_path"))
                .toJavaRDD();
        yield lines
            ? rows.map(row -> RecordRules.ofText(bytes(row), 0))
            : rows.map(
                row -> RecordRules.ofFile(bytes(row), file(row.getString(1), names.value())));
      }
    };
  }

  /** Reads files that are already listed, each completely or not at all. */
  static DataFrameReader reader(SparkSession spark) {
    SparkSession session = spark.newSession();
    RuntimeConfig conf = session.conf();
    // Listing the files again in a separate job is slow, and ships classes that Kryo does not
    // know.
    conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", Integer.MAX_VALUE);
    // Column names are case-sensitive: text and Text are two columns.
    conf.set("spark.sql.caseSensitive", true);
    // If a cluster sets these, files are silently skipped.
    conf.set("spark.sql.files.ignoreCorruptFiles", false);
    conf.set("spark.sql.files.ignoreMissingFiles", false);
    return session
        .read()
        .options(SourceFiles.hadoopOptions(spark.sparkContext().hadoopConfiguration()));
  }

  /** The first column as stored in the file: a string would hide invalid UTF-8. */
  private static byte[] bytes(Row row) {
    return row.getAs(0);
  }

  /** The first lines of the source, to show what a record looks like. */
  static List<String> firstLines(SparkSession spark, SourceFiles source, int count) {
    return reader(spark)
        .text(source.globs()[0])
        .toJavaRDD()
        .map(row -> row.getString(0))
        .take(count);
  }

  /** The number of a file, if the files' order matters; else 0. */
  private static int file(String path, String[] names) {
    int file = names.length == 0 ? 0 : Arrays.binarySearch(names, URI.create(path).getPath());
    if (file < 0) {
      throw new IllegalStateException("Spark read " + path + ", which was not listed");
    }
    return file;
  }

  /** Lines of JSON; a file that starts with a JSON array is rejected. */
  private static final class JsonRecords implements FlatMapFunction<Iterator<Row>, Document> {
    private static final long serialVersionUID = 1L;
    private final String field;

    JsonRecords(String field) {
      this.field = field;
    }

    @Override
    public Iterator<Document> call(Iterator<Row> lines) {
      return new Iterator<>() {
        private String file = "";
        private boolean atStart;

        @Override
        public boolean hasNext() {
          return lines.hasNext();
        }

        @Override
        public Document next() {
          Row line = lines.next();
          byte[] bytes = bytes(line);
          Document document = RecordRules.ofJson(bytes, field);
          if (!file.equals(line.getString(1))) {
            file = line.getString(1);
            // A file may be split into blocks.
            atStart = line.getLong(2) == 0;
          }
          if (atStart && document.outcome() != Document.EMPTY) {
            atStart = false;
            if (RecordRules.beginsArray(bytes)) {
              throw UserException.usage(
                  "%s must hold one JSON object a line, got an array: write its objects a line each (jq -c '.[]' turns one into the other)"
                      .formatted(HadoopFiles.withPlainPaths(URI.create(file).getPath())));
            }
          }
          return document;
        }
      };
    }
  }

  private static JavaRDD<Document> sorted(
      JavaRDD<Document> documents,
      Partitioner partitioner,
      PairFunction<Document, String, Document> key) {
    return documents.mapToPair(key).repartitionAndSortWithinPartitions(partitioner).values();
  }

  private static PairFunction<Document, String, Document> byHash() {
    return document -> new Tuple2<>(document.hash() + fileDigits(document.file()), document);
  }

  private static PairFunction<Document, String, Document> byFile() {
    return document ->
        new Tuple2<>(
            document.isText() ? fileDigits(document.file()) + document.hash() : "", document);
  }

  /** Ten digits, so that the strings sort in the order of the numbers. */
  private static String fileDigits(int file) {
    return String.format(Locale.ROOT, "%010d", file);
  }

  private static FlatMapFunction<Iterator<Document>, Document> documentsAsTheyAre() {
    return documents -> documents;
  }

  /** Turns each document whose hash equals that of the previous one into a dropped record. */
  private static final class Deduplicate implements FlatMapFunction<Iterator<Document>, Document> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Document> call(Iterator<Document> documents) {
      return new Iterator<>() {
        private String last = "";

        @Override
        public boolean hasNext() {
          return documents.hasNext();
        }

        @Override
        public Document next() {
          Document document = documents.next();
          if (!document.isText()) {
            return document;
          }
          if (document.hash().equals(last)) {
            return Document.dropped(Document.DUPLICATE);
          }
          last = document.hash();
          return document;
        }
      };
    }
  }

  /**
   * Splits the range of hashes, which are uniformly distributed, into equal parts: no sampling is
   * needed, and the partitions are the same each time. Dropped records have no hash and are in the
   * first.
   */
  static final class ByHash extends Partitioner {
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

  /** Keeps files with adjacent numbers together. */
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

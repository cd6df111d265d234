package dev.firesteel.spark.prepare;

import static org.apache.spark.sql.functions.col;

import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;

/**
 * A table of Spark's catalogs as the source of text: {@code data.source=table:NAME}, with the name
 * as in SQL. One state of it is read: a version of a Delta table, a snapshot of an Iceberg table,
 * or, of any other, the files that it has when it is found.
 *
 * <p>Lives on the driver.
 */
final class SparkTable {
  private static final String PREFIX = "table:";
  private static final String PROVIDER = "Provider";

  private final String name;
  private final String snapshot;
  private final Dataset<Row> rows;
  private final DatasetManifest.Inputs inputs;

  private SparkTable(
      String name, String snapshot, Dataset<Row> rows, DatasetManifest.Inputs inputs) {
    this.name = name;
    this.snapshot = snapshot;
    this.rows = rows;
    this.inputs = inputs;
  }

  /** Whether a source names a table. */
  static boolean isTable(String source) {
    return source.startsWith(PREFIX);
  }

  /**
   * Finds a table and its current state.
   *
   * @param source as configured
   * @param column that holds the text
   * @throws UserException if there is no such table or column
   */
  static SparkTable find(SparkSession spark, String source, String column) {
    String name = source.substring(PREFIX.length()).strip();
    StructType schema = schema(spark, source, name);
    if (!Arrays.asList(schema.fieldNames()).contains(column)) {
      throw UserException.usage(
          "data.text_field must name a column of %s, got \"%s\": the columns are %s"
              .formatted(source, column, String.join(", ", schema.fieldNames())));
    }
    if (!(schema.apply(column).dataType() instanceof StringType)) {
      throw UserException.usage(
          "data.text_field must name a column of text, got \"%s\" of type %s in %s"
              .formatted(column, schema.apply(column).dataType().simpleString(), source));
    }
    return switch (provider(spark, name)) {
      case "delta" -> versioned(spark, name, "delta version", deltaVersion(spark, name));
      case "iceberg" -> versioned(spark, name, "iceberg snapshot", icebergSnapshot(spark, name));
      default -> ofFiles(spark, name);
    };
  }

  private static StructType schema(SparkSession spark, String source, String name) {
    try {
      return spark.table(name).schema();
    } catch (LinkageError e) { // Of a catalog that was built for another version of Spark.
      throw UserException.usage(
          "the catalog of %s must be built for Spark %s, got one that does not load (%s): put the jar for this version of Spark on the class path"
              .formatted(source, spark.version(), e.getMessage()),
          e);
    } catch (Exception e) { // Spark's AnalysisException and ParseException are checked.
      String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw UserException.usage(
          "data.source %s must name a table of Spark's catalogs, got none (%s): name it as in SQL, and give its catalog to Spark (spark.sql.catalog...)"
              .formatted(source, reason),
          e);
    }
  }

  /** In lower case; empty where a catalog does not name it. */
  private static String provider(SparkSession spark, String name) {
    if (name.matches("(?i)(delta|iceberg|parquet)\\.`.*`")) {
      return name.substring(0, name.indexOf('.')).toLowerCase(Locale.ROOT);
    }
    return spark.sql("DESCRIBE TABLE EXTENDED " + name).collectAsList().stream()
        .filter(row -> PROVIDER.equals(row.getString(0)))
        .map(row -> row.getString(1).toLowerCase(Locale.ROOT))
        .findFirst()
        .orElse("");
  }

  private static long deltaVersion(SparkSession spark, String name) {
    return spark
        .sql("DESCRIBE HISTORY " + name + " LIMIT 1")
        .select(col("version").cast(DataTypes.LongType))
        .first()
        .getLong(0);
  }

  private static long icebergSnapshot(SparkSession spark, String name) {
    List<Row> current =
        spark.sql("SELECT snapshot_id FROM " + name + ".refs WHERE name = 'main'").collectAsList();
    if (current.isEmpty()) {
      throw UserException.usage(
          "data.source table:%s must hold text, got a table without a snapshot: write to it first"
              .formatted(name));
    }
    return current.get(0).getLong(0);
  }

  /** The state of a number, which later writes do not change. */
  private static SparkTable versioned(SparkSession spark, String name, String kind, long version) {
    Dataset<Row> rows = spark.sql("SELECT * FROM " + name + " VERSION AS OF " + version);
    String snapshot = kind + " " + version;
    return new SparkTable(
        name,
        snapshot,
        rows,
        new DatasetManifest.Inputs(rows.inputFiles().length, bytes(rows), hash(snapshot)));
  }

  /** A table without versions is what its files are. */
  private static SparkTable ofFiles(SparkSession spark, String name) {
    Dataset<Row> rows = spark.table(name);
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    String[] names = rows.inputFiles();
    Arrays.sort(names);
    List<FileStatus> files = new ArrayList<>();
    for (String file : names) {
      Path path = new Path(URI.create(file));
      try {
        files.add(HadoopFiles.fileSystem(path, hadoop).getFileStatus(path));
      } catch (IOException e) {
        throw HadoopFiles.explain("looking at the file " + file + " of the table " + name, e);
      }
    }
    DatasetManifest.Inputs inputs = SourceFiles.inputs(files, file -> file.getPath().getName());
    return new SparkTable(name, "files " + inputs.sha256().substring(0, 12), rows, inputs);
  }

  /** An estimate: catalogs need not say how large their files are. */
  private static long bytes(Dataset<Row> rows) {
    return rows.queryExecution().optimizedPlan().stats().sizeInBytes().toLong();
  }

  private static String hash(String text) {
    return HexFormat.of()
        .formatHex(HadoopFiles.sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Identifies the state that is read. */
  DatasetManifest.Inputs inputs() {
    return inputs;
  }

  /** The source for the manifest: the name and the state that is read. */
  String described() {
    return PREFIX + name + " (" + snapshot + ")";
  }

  /** The column of text; null where a row has none. */
  JavaRDD<Document> records(String column) {
    return rows.select(col("`" + column.replace("`", "``") + "`").cast(DataTypes.BinaryType))
        .toJavaRDD()
        .map(row -> RecordRules.ofColumn(row.getAs(0)));
  }
}

package dev.firesteel.spark.prepare;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.Serializable;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * Looks at the schemas in the footers of all Parquet files of a source, on executors. Spark's own
 * inference looks at one file, and fails at a type that it does not know, whether the column is
 * needed or not.
 */
final class ParquetFooters {
  private static final String BINARY_AS_STRING = "spark.sql.parquet.binaryAsString";

  private ParquetFooters() {}

  /** What is wanted of a file's schema: two texts, which ship between Spark's processes. */
  interface Look extends Serializable {
    Tuple2<String, String> at(String file, MessageType schema);
  }

  /**
   * Looks at each file's schema.
   *
   * @return in the order of the files
   * @throws UserException if a file cannot be read
   */
  static List<Tuple2<String, String>> look(SparkSession spark, SourceFiles source, Look look) {
    var hadoop = new Configuration(spark.sparkContext().hadoopConfiguration());
    SourceFiles.hadoopOptions(hadoop).forEach(hadoop::set);
    var conf = new SerializableConfiguration(hadoop);
    List<String> files = Arrays.asList(source.paths());
    var context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    List<Tuple2<String, Tuple2<String, String>>> found =
        context
            .parallelize(files, Math.min(files.size(), 4 * context.defaultParallelism()))
            .map(file -> look(file, look, conf.value()))
            .collect();
    for (Tuple2<String, Tuple2<String, String>> each : found) {
      if (!each._1().isEmpty()) {
        throw UserException.usage(each._1());
      }
    }
    return found.stream().map(Tuple2::_2).toList();
  }

  /** The message of a failure, or what was found. */
  private static Tuple2<String, Tuple2<String, String>> look(
      String file, Look look, Configuration conf) {
    String shown = HadoopFiles.withPlainPaths(file);
    MessageType schema;
    try (var reader = ParquetFileReader.open(HadoopInputFile.fromPath(new Path(file), conf))) {
      schema = reader.getFileMetaData().getSchema();
    } catch (IOException | RuntimeException e) { // Not a Parquet file: a RuntimeException.
      return new Tuple2<>(
          HadoopFiles.explain("reading the Parquet file " + shown, e).getMessage(),
          new Tuple2<>("", ""));
    }
    return new Tuple2<>("", look.at(shown, schema));
  }

  /** Whether binary columns without a mark are text, as old writers left them. */
  static boolean unmarkedIsText(SparkSession spark) {
    return Boolean.parseBoolean(spark.conf().get(BINARY_AS_STRING, "false"));
  }

  /**
   * The columns of all files that Spark can read. A file without one of them has nulls there.
   *
   * @param progress receives a message that lists the columns that are left out
   * @throws UserException if a column has different types in two files
   */
  static StructType readable(SparkSession spark, SourceFiles source, Consumer<String> progress) {
    boolean unmarked = unmarkedIsText(spark);
    List<Tuple2<String, String>> schemas =
        look(spark, source, (file, schema) -> readable(schema, unmarked));
    Map<String, StructField> columns = new LinkedHashMap<>();
    TreeSet<String> leftOut = new TreeSet<>();
    for (int i = 0; i < schemas.size(); i++) {
      StructType schema = (StructType) DataType.fromJson(schemas.get(i)._1());
      for (StructField column : schema.fields()) {
        StructField before = columns.putIfAbsent(column.name(), column);
        if (before != null && !type(before).equals(type(column))) {
          throw UserException.usage(
              "a column of data.source must have one type, got \"%s\" as %s, and as %s in %s: write the files with one type, or name those that have it"
                  .formatted(
                      column.name(),
                      type(before),
                      type(column),
                      HadoopFiles.withPlainPaths(source.paths()[i])));
        }
      }
      schemas.get(i)._2().lines().forEach(leftOut::add);
    }
    if (!leftOut.isEmpty()) {
      progress.accept(
          "Columns of types that Spark does not read are left out: " + String.join(", ", leftOut));
    }
    return new StructType(columns.values().toArray(StructField[]::new));
  }

  private static String type(StructField column) {
    return column.dataType().catalogString();
  }

  /** The columns that can be read as Spark's schema in JSON, and the others a line each. */
  private static Tuple2<String, String> readable(MessageType schema, boolean unmarked) {
    SQLConf conf = new SQLConf();
    conf.setConfString(BINARY_AS_STRING, Boolean.toString(unmarked));
    var converter = new ParquetToSparkSchemaConverter(conf);
    StructType readable = new StructType();
    StringBuilder others = new StringBuilder();
    for (Type column : schema.getFields()) {
      try {
        readable =
            readable.add(converter.convert(new MessageType(schema.getName(), column)).fields()[0]);
      } catch (Exception e) { // Spark's AnalysisException is checked, and not declared.
        others.append(column.getName()).append('\n');
      }
    }
    return new Tuple2<>(readable.json(), others.toString());
  }
}

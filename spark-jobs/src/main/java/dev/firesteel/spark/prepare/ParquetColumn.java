package dev.firesteel.spark.prepare;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * Finds the text column in the footers of Parquet files. Spark's own inference would convert the
 * types of all columns, and fail for those it does not know.
 */
final class ParquetColumn {
  private ParquetColumn() {}

  /** The column according to a file's footer. */
  private enum Found {
    TEXT,
    ABSENT,
    OTHER
  }

  /**
   * Rejects files that are damaged or whose column of this name is not text, and a source in which
   * no file has the column. A file without it, among others that have it, has records without text.
   */
  static void requireColumn(SparkSession spark, SourceFiles source, DataConfig data) {
    String column = data.textField();
    var hadoop = new Configuration(spark.sparkContext().hadoopConfiguration());
    SourceFiles.hadoopOptions(hadoop).forEach(hadoop::set);
    var conf = new SerializableConfiguration(hadoop);
    // A cluster's setting for files of old writers, which did not mark text.
    boolean unmarked =
        Boolean.parseBoolean(spark.conf().get("spark.sql.parquet.binaryAsString", "false"));
    List<String> files = Arrays.asList(source.paths());
    var context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    List<Tuple2<String, String>> found =
        context
            .parallelize(files, Math.min(files.size(), 4 * context.defaultParallelism()))
            .map(file -> look(file, column, unmarked, conf.value()))
            .collect();
    for (Tuple2<String, String> each : found) {
      if (each._1().equals(Found.OTHER.name())) {
        throw UserException.usage(each._2());
      }
    }
    if (found.stream().allMatch(each -> each._1().equals(Found.ABSENT.name()))) {
      throw UserException.usage(
          "data.text_field must name a column of %s, got \"%s\": the columns are %s"
              .formatted(data.source(), column, found.get(0)._2()));
    }
  }

  /** The kind, and the message or the file's columns. */
  private static Tuple2<String, String> look(
      String file, String column, boolean unmarked, Configuration conf) {
    String shown = HadoopFiles.withPlainPaths(file);
    MessageType schema;
    try (var reader = ParquetFileReader.open(HadoopInputFile.fromPath(new Path(file), conf))) {
      schema = reader.getFileMetaData().getSchema();
    } catch (IOException | RuntimeException e) { // Not a Parquet file: a RuntimeException.
      return new Tuple2<>(
          Found.OTHER.name(),
          HadoopFiles.explain("reading the Parquet file " + shown, e).getMessage());
    }
    if (!schema.containsField(column)) {
      return new Tuple2<>(
          Found.ABSENT.name(),
          schema.getFields().stream().map(Type::getName).collect(Collectors.joining(", ")));
    }
    Type type = schema.getType(column);
    if (isText(type, unmarked)) {
      return new Tuple2<>(Found.TEXT.name(), "");
    }
    return new Tuple2<>(
        Found.OTHER.name(),
        "data.text_field must name a column of text, got \"%s\" of type %s in %s"
            .formatted(column, describe(type), shown));
  }

  private static boolean isText(Type type, boolean unmarked) {
    if (!type.isPrimitive()
        || type.isRepetition(Type.Repetition.REPEATED)
        || type.asPrimitiveType().getPrimitiveTypeName() != PrimitiveTypeName.BINARY) {
      return false;
    }
    LogicalTypeAnnotation mark = type.getLogicalTypeAnnotation();
    return mark == null
        ? unmarked
        : mark instanceof LogicalTypeAnnotation.StringLogicalTypeAnnotation
            || mark instanceof LogicalTypeAnnotation.EnumLogicalTypeAnnotation
            || mark instanceof LogicalTypeAnnotation.JsonLogicalTypeAnnotation;
  }

  private static String describe(Type type) {
    String plain =
        type.isPrimitive()
            ? type.asPrimitiveType().getPrimitiveTypeName().name().toLowerCase(Locale.ROOT)
            : "group";
    LogicalTypeAnnotation mark = type.getLogicalTypeAnnotation();
    return mark == null ? plain : plain + " (" + mark + ")";
  }
}

package dev.firesteel.spark.prepare;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.spark.sql.SparkSession;
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
    boolean unmarked = ParquetFooters.unmarkedIsText(spark);
    List<Tuple2<String, String>> found =
        ParquetFooters.look(spark, source, (file, schema) -> look(file, schema, column, unmarked));
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
      String file, MessageType schema, String column, boolean unmarked) {
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
            .formatted(column, describe(type), file));
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

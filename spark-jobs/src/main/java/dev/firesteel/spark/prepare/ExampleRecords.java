package dev.firesteel.spark.prepare;

import static org.apache.spark.sql.functions.col;

import dev.firesteel.config.DataConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;

/**
 * The records of {@code data.source} as JSON: lines of JSONL files, rows of Parquet files or of a
 * table of Spark's catalog.
 *
 * @param inputs identifies the files and their versions; for a table, its name
 * @param lines of JSON, with the place of each
 */
record ExampleRecords(DatasetManifest.Inputs inputs, JavaRDD<ExampleRecords.Line> lines) {
  private static final String TABLE = "table:";

  /** One record. Ships between Spark's processes. */
  static final class Line implements Serializable {
    private static final long serialVersionUID = 1L;
    final byte[] json;
    final String file;
    final long block;

    Line(byte[] json, String file, long block) {
      this.json = json;
      this.file = file;
      this.block = block;
    }
  }

  /** Finds and reads the records. */
  static ExampleRecords read(SparkSession spark, String source, Consumer<String> progress) {
    if (source.startsWith(TABLE)) {
      return table(spark, source.substring(TABLE.length()));
    }
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    SourceFiles files = SourceFiles.find(source, DataConfig.Format.AUTO, hadoop, progress);
    return switch (files.format()) {
      case JSONL ->
          new ExampleRecords(
              files.inputs(),
              DocumentReader.reader(spark)
                  .text(files.globs())
                  .select(
                      col("value").cast(DataTypes.BinaryType),
                      col("_metadata.file_path"),
                      col("_metadata.file_block_start"))
                  .toJavaRDD()
                  .map(row -> new Line(row.getAs(0), row.getString(1), row.getLong(2))));
      case PARQUET ->
          new ExampleRecords(
              files.inputs(), rows(DocumentReader.reader(spark).parquet(files.globs())));
      default ->
          throw UserException.usage(
              "data.source %s must hold records as .jsonl or .parquet files, got plain text: convert it, or name the files by their format"
                  .formatted(source));
    };
  }

  private static ExampleRecords table(SparkSession spark, String name) {
    try {
      Dataset<Row> table = spark.table(name);
      byte[] identity = HadoopFiles.sha256().digest(name.getBytes(StandardCharsets.UTF_8));
      return new ExampleRecords(
          new DatasetManifest.Inputs(0, 0, HexFormat.of().formatHex(identity)), rows(table));
    } catch (Exception e) { // Spark throws AnalysisException without declaring it.
      if (e instanceof AnalysisException) {
        throw UserException.usage(
            "data.source must name a table or view of Spark's catalog after %s, got \"%s\", which it does not have: check its name and the session's catalog"
                .formatted(TABLE, name),
            e);
      }
      throw e;
    }
  }

  private static JavaRDD<Line> rows(Dataset<Row> rows) {
    return rows.toJSON()
        .toJavaRDD()
        .map(json -> new Line(json.getBytes(StandardCharsets.UTF_8), "", 0));
  }

  /**
   * The number of the line, from 1, whose SHA-256 is {@code key}; empty if the record did not come
   * from a line of a file.
   */
  static OptionalLong lineNumber(PreparedRecord record, Configuration hadoop) {
    if (record.file().isEmpty()) {
      return OptionalLong.empty();
    }
    Path path = new Path(URI.create(record.file()));
    try {
      FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
      CompressionCodec codec = new CompressionCodecFactory(hadoop).getCodec(path);
      try (InputStream file = fs.open(path);
          InputStream in =
              new BufferedInputStream(codec == null ? file : codec.createInputStream(file))) {
        return lineNumber(in, record.key());
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + path, e);
    }
  }

  private static OptionalLong lineNumber(InputStream in, String key) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    long number = 1;
    for (int next = in.read(); ; next = in.read()) {
      if (next == '\n' || next < 0) {
        if (key(withoutReturn(line.toByteArray())).equals(key)) {
          return OptionalLong.of(number);
        }
        if (next < 0) {
          return OptionalLong.empty();
        }
        line.reset();
        number++;
      } else {
        line.write(next);
      }
    }
  }

  /** Spark ends a line at a line feed with or without a carriage return. */
  private static byte[] withoutReturn(byte[] line) {
    return line.length > 0 && line[line.length - 1] == '\r'
        ? Arrays.copyOf(line, line.length - 1)
        : line;
  }

  /** SHA-256 of a record, in hexadecimal. */
  static String key(byte[] json) {
    return HexFormat.of().formatHex(HadoopFiles.sha256().digest(json));
  }
}

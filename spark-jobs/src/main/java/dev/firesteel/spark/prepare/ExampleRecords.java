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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
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
 * The records of {@code data.source} as JSON: lines of JSONL files, elements of a {@code .json}
 * file that is an array, rows of Parquet files or of a table of Spark's catalog.
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

    /** Where the part of the file begins that it was read with; in an array, where it begins. */
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
      case JSONL -> new ExampleRecords(files.inputs(), json(spark, files));
      case PARQUET ->
          new ExampleRecords(
              files.inputs(),
              rows(
                  DocumentReader.reader(spark)
                      .schema(ParquetFooters.readable(spark, files, progress))
                      .parquet(files.globs())));
      default ->
          throw UserException.usage(
              "data.source %s must hold records as .jsonl or .parquet files, got plain text: convert it, or name the files by their format"
                  .formatted(source));
    };
  }

  /** Lines of files, and elements of the files that are an array each. */
  private static JavaRDD<Line> json(SparkSession spark, SourceFiles files) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    List<String> ofLines = new ArrayList<>();
    List<String> ofArrays = new ArrayList<>();
    String[] paths = files.paths();
    for (int i = 0; i < paths.length; i++) {
      boolean array = JsonArray.is(new Path(paths[i]), hadoop);
      (array ? ofArrays : ofLines).add(files.globs()[i]);
    }
    List<JavaRDD<Line>> parts = new ArrayList<>();
    if (!ofLines.isEmpty()) {
      parts.add(
          DocumentReader.reader(spark)
              .text(ofLines.toArray(String[]::new))
              .select(
                  col("value").cast(DataTypes.BinaryType),
                  col("_metadata.file_path"),
                  col("_metadata.file_block_start"))
              .toJavaRDD()
              .map(row -> new Line(row.getAs(0), row.getString(1), row.getLong(2))));
    }
    if (!ofArrays.isEmpty()) {
      parts.add(
          DocumentReader.reader(spark)
              .option("wholetext", true)
              .text(ofArrays.toArray(String[]::new))
              .select(col("value").cast(DataTypes.BinaryType), col("_metadata.file_path"))
              .toJavaRDD()
              .flatMap(row -> JsonArray.records(row.getAs(0), row.getString(1))));
    }
    return parts.size() == 1 ? parts.get(0) : parts.get(0).union(parts.get(1));
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
   * The number of the line, from 1, that holds a record or at which it begins in an array; empty if
   * the record did not come from a line of a file.
   */
  static OptionalLong lineNumber(PreparedRecord record, Configuration hadoop) {
    if (record.file().isEmpty()) {
      return OptionalLong.empty();
    }
    Path path = new Path(URI.create(record.file()));
    boolean array = JsonArray.is(path, hadoop);
    try (InputStream in = open(path, hadoop)) {
      return array ? lineAt(in, record.block()) : lineNumber(in, record.key());
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + path, e);
    }
  }

  /** A file's text, uncompressed. */
  static InputStream open(Path path, Configuration hadoop) throws IOException {
    InputStream file = HadoopFiles.fileSystem(path, hadoop).open(path);
    try {
      CompressionCodec codec = new CompressionCodecFactory(hadoop).getCodec(path);
      return new BufferedInputStream(codec == null ? file : codec.createInputStream(file));
    } catch (IOException | RuntimeException e) { // A damaged head of a compressed file.
      file.close();
      throw e;
    }
  }

  private static OptionalLong lineAt(InputStream in, long offset) throws IOException {
    long number = 1;
    for (long i = 0; i < offset; i++) {
      number += in.read() == '\n' ? 1 : 0;
    }
    return OptionalLong.of(number);
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

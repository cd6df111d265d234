package dev.firesteel.spark.cli;

import dev.firesteel.files.HadoopFiles;
import dev.firesteel.runs.RunSummary;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetFileWriter;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.util.HadoopOutputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * Writes runs as a Parquet file, with Spark's own library but without a session, which takes longer
 * to start than the file to write.
 */
final class RunsParquet {
  private static final MessageType SCHEMA =
      MessageTypeParser.parseMessageType(
          """
          message runs {
            required binary name (STRING);
            required binary path (STRING);
            required binary stage (STRING);
            required binary state (STRING);
            required binary failure (STRING);
            required binary started (STRING);
            required int64 updated (TIMESTAMP(MILLIS, true));
            required int64 step;
            required int64 steps;
            required int64 tokens;
            required binary headline (STRING);
            optional double headline_value;
            optional double loss;
            optional double tokens_per_second;
            required binary host (STRING);
            required binary firesteel (STRING);
            required binary backend (STRING);
            required int64 world_size;
            required int64 seed;
            required binary config_sha256 (STRING);
            required binary data_sha256 (STRING);
            required group metrics (MAP) {
              repeated group key_value {
                required binary key (STRING);
                required double value;
              }
            }
            required group config (MAP) {
              repeated group key_value {
                required binary key (STRING);
                required binary value (STRING);
              }
            }
          }
          """);

  private RunsParquet() {}

  /** Replaces a file by a table with a row for each run. */
  static void write(List<RunSummary> runs, Path file, Configuration hadoop) {
    SimpleGroupFactory rows = new SimpleGroupFactory(SCHEMA);
    try {
      HadoopFiles.fileSystem(file, hadoop); // Explains one that is missing.
      try (ParquetWriter<Group> writer =
          ExampleParquetWriter.builder(HadoopOutputFile.fromPath(file, hadoop))
              .withConf(hadoop)
              .withType(SCHEMA)
              .withWriteMode(ParquetFileWriter.Mode.OVERWRITE)
              .build()) {
        for (RunSummary run : runs) {
          writer.write(row(run, rows.newGroup()));
        }
      }
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("writing the table " + file, e);
    }
  }

  private static Group row(RunSummary run, Group row) {
    row.append("name", run.name())
        .append("path", run.path())
        .append("stage", run.stage())
        .append("state", run.state().title())
        .append("failure", run.failure())
        .append("started", run.started())
        .append("updated", run.updatedMillis())
        .append("step", run.step())
        .append("steps", run.steps())
        .append("tokens", run.tokens())
        .append("headline", run.headline());
    append(row, "headline_value", run.headlineValue());
    append(row, "loss", run.loss());
    append(row, "tokens_per_second", run.tokensPerSecond());
    for (String text : List.of("host", "firesteel", "backend", "config_sha256", "data_sha256")) {
      row.append(text, run.session().path(text).asText(""));
    }
    row.append("world_size", run.session().path("world_size").asLong());
    row.append("seed", run.session().path("seed").asLong());
    Group metrics = row.addGroup("metrics");
    for (Map.Entry<String, Double> metric : run.metrics().entrySet()) {
      metrics
          .addGroup("key_value")
          .append("key", metric.getKey())
          .append("value", metric.getValue());
    }
    Group config = row.addGroup("config");
    for (Map.Entry<String, String> key : run.config().entrySet()) {
      config.addGroup("key_value").append("key", key.getKey()).append("value", key.getValue());
    }
    return row;
  }

  private static void append(Group row, String column, OptionalDouble value) {
    if (value.isPresent()) {
      row.append(column, value.getAsDouble());
    }
  }
}

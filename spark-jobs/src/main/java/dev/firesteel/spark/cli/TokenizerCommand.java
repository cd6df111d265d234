package dev.firesteel.spark.cli;

import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.spark.prepare.PrepareJob;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tokenizer}: only trains a tokenizer, to inspect it or to share it between runs. */
@Command(
    name = "tokenizer",
    description =
        "Trains the tokenizer of a configuration and writes tokenizer.json (Hugging Face format)."
            + " The command prepare does it by itself; use this one to give several runs the same"
            + " (tokenizer.file).",
    footer = {
      "",
      "Example:",
      "  ./firesteel tokenizer --output tokenizer.json data.source=my-texts"
          + " tokenizer.vocabulary_size=4096"
    })
public final class TokenizerCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments arguments;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      required = true,
      description = "The file to write, which must not exist: a path or a hdfs:/s3a: URI.")
  private String output;

  @Override
  public Integer call() {
    PretrainConfig config = arguments.load();
    if (!config.tokenizer().file().isEmpty()) {
      throw UserException.usage(
          "the command tokenizer trains one, got the existing tokenizer.file "
              + config.tokenizer().file()
              + ": leave that key out");
    }
    PrintWriter out = spec.commandLine().getOut();
    try (SparkSessions.OpenSession spark = SparkSessions.open("tokenizer", Map.of())) {
      Tokenizer tokenizer = train(spark.session(), config, new Path(output), out);
      out.println(
          "%s has %d tokens, SHA-256 %s"
              .formatted(output, tokenizer.vocabularySize(), tokenizer.sha256()));
    }
    return 0;
  }

  private static Tokenizer train(
      SparkSession spark, PretrainConfig config, Path file, PrintWriter out) {
    Configuration conf = spark.sparkContext().hadoopConfiguration();
    try {
      FileSystem fs = HadoopFiles.fileSystem(file, conf);
      if (fs.exists(file)) {
        throw UserException.usage(
            "--output %s must not exist, got a file: give another name or delete it"
                .formatted(file));
      }
      Tokenizer tokenizer = PrepareJob.trainTokenizer(spark, config, out::println);
      // Not overwritten, should it have been created meanwhile.
      try (OutputStream stream = fs.create(file, false)) {
        tokenizer.save(stream);
      }
      return tokenizer;
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("writing the tokenizer " + file, e);
    }
  }
}

package dev.firesteel.spark.cli;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.convert.ModelImport;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code import}: reads a model of another tool. */
@Command(
    name = "import",
    description =
        "Reads a model from a Hugging Face directory, a GGUF file (F32, F16, BF16, Q8_0, Q4_0, Q5_0,"
            + " Q4_K, Q6_K) or a llama2.c file, and writes a model directory that sft, eval and"
            + " generate use. All tensors that are missing, unknown or of another shape are listed and"
            + " refused.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel import downloads/SmolLM2-135M --out models/smol",
      "  ./firesteel import downloads/model-q8_0.gguf --out models/q8",
      "  ./firesteel import stories15M.bin --tokenizer tokenizer.bin --out models/stories",
      "  ./firesteel import downloads/SmolLM2-135M --out models/smol --vocabulary-size 49408"
    })
public final class ImportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "SOURCE",
      description =
          "A Hugging Face model directory, a file that ends with .gguf, or one of llama2.c that ends"
              + " with .bin.")
  private String source;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "The folder to write, which must not exist: a path or a hdfs:/s3a: URI.")
  private String out;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description =
          "llama2.c: its tokenizer. Default: tokenizer.bin beside the weights, or tok<V>.bin for a"
              + " vocabulary of V tokens.")
  private String tokenizer;

  @Option(
      names = "--vocabulary-size",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Rows of the embedding and the head: more than the source has, for tokens to be added, or"
              + " fewer, but not fewer than tokens. New rows are the mean of the others. Default: as"
              + " the source.")
  private int vocabularySize;

  @Override
  public Integer call() {
    if (vocabularySize < 0) {
      throw UserException.usage(
          "--vocabulary-size must be at least 0, got %d".formatted(vocabularySize));
    }
    try (Backend backend =
        Backends.create(
            new BackendOptions(
                BackendKind.CPU, Precision.FP32, Runtime.getRuntime().availableProcessors()))) {
      ModelImport.Written written =
          new ModelImport(
                  new Path(source),
                  new Path(out),
                  tokenizer == null ? null : new Path(tokenizer),
                  vocabularySize,
                  new Configuration(),
                  backend,
                  line -> spec.commandLine().getErr().println(line))
              .run();
      spec.commandLine()
          .getOut()
          .println(
              String.format(
                  Locale.ROOT,
                  "%s: %s, %,d parameters, %d tokens",
                  HadoopFiles.withPlainPaths(written.path().toString()),
                  written.config().architecture().name().toLowerCase(Locale.ROOT),
                  written.parameters(),
                  written.tokens()));
    }
    return 0;
  }
}

package dev.firesteel.spark.cli;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.convert.ModelExport;
import dev.firesteel.convert.ModelFormats;
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

/** {@code export}: writes a model in a format that other tools load. */
@Command(
    name = "export",
    description =
        "Writes a trained model as a Hugging Face directory (transformers, vLLM) or as a GGUF file"
            + " (llama.cpp). Adapters are merged. The weights go from the checkpoint to the file"
            + " tensor by tensor.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel export runs/quickstart --to hf --out published/quickstart",
      "  ./firesteel export runs/quickstart --to hf --type bf16 --shard-size 2GB",
      "  ./firesteel export runs/quickstart --to gguf --type q8_0",
      "  ./firesteel export runs/quickstart/checkpoints/step-00000100 --to gguf \\",
      "      --out s3a://models/quickstart.gguf"
    })
public final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description =
          "A run directory (its last checkpoint), a checkpoint, or a Hugging Face model directory.")
  private String model;

  @Option(
      names = "--to",
      paramLabel = "FORMAT",
      required = true,
      description = "hf: a Hugging Face directory; gguf: a file for llama.cpp.")
  private String format;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      defaultValue = "f32",
      description =
          "Element type of the weights: f32 (default, bit for bit), bf16 or f16; for gguf also q8_0,"
              + " q4_0 and q4_k_m.")
  private String type;

  @Option(
      names = "--out",
      paramLabel = "PATH",
      description =
          "What to write, which must not exist: a folder for hf; for gguf a file that ends with"
              + " .gguf, or a folder, in which the file is named by the format's convention. Default:"
              + " under exports/.")
  private String out;

  @Option(
      names = "--shard-size",
      paramLabel = "SIZE",
      defaultValue = "5GB",
      description =
          "Most bytes of weights in one file (hf), as 500MB; ${DEFAULT-VALUE} by default.")
  private String shardSize;

  @Option(
      names = "--license",
      paramLabel = "NAME",
      defaultValue = "",
      description =
          "Licence to state in the model card or the metadata, as apache-2.0. Default: none.")
  private String license;

  @Override
  public Integer call() {
    if (!license.matches("[A-Za-z0-9.+-]*")) {
      throw UserException.usage(
          "--license must be a name of letters, digits, dots and dashes, as apache-2.0, got "
              + license);
    }
    try (Backend backend = Backends.create(options())) {
      ModelExport export =
          new ModelExport(
              new Path(model),
              out == null ? null : new Path(out),
              license,
              new Configuration(),
              backend,
              line -> spec.commandLine().getErr().println(line));
      ModelExport.Written written =
          switch (format) {
            case "hf" ->
                export.toHuggingFace(
                    ModelFormats.floatType(type), ModelFormats.bytes("--shard-size", shardSize));
            case "gguf" -> export.toGguf(ModelFormats.ggufEncoding(type));
            default ->
                throw UserException.usage("--to must be hf or gguf, got %s".formatted(format));
          };
      spec.commandLine()
          .getOut()
          .println(
              String.format(
                  Locale.ROOT,
                  "%s: %,d parameters as %s",
                  HadoopFiles.withPlainPaths(written.path().toString()),
                  written.parameters(),
                  type));
    }
    return 0;
  }

  /** Only adapters are computed with. */
  private static BackendOptions options() {
    return new BackendOptions(
        BackendKind.CPU, Precision.FP32, Runtime.getRuntime().availableProcessors());
  }
}

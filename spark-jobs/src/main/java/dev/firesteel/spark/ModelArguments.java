package dev.firesteel.spark;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.SavedModel;
import dev.firesteel.error.UserException;
import java.util.Locale;
import java.util.function.BiFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The arguments of every command that reads a model; it computes in this process. */
final class ModelArguments {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description =
          "A run directory (its last checkpoint), a checkpoint, or a Hugging Face model directory.")
  private String model;

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      defaultValue = "fp32",
      description = "fp32 or bf16; ${DEFAULT-VALUE} by default.")
  private String precision;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Compute threads; 0, the default: one on each core.")
  private int threads;

  /** Reads the model, does the work, and gives all memory back. */
  <T> T with(Configuration hadoop, BiFunction<SavedModel, Backend, T> work) {
    BackendOptions options = new BackendOptions("cpu", precision(), threads());
    try (Backend backend = Backends.create(options);
        SavedModel saved = SavedModel.open(new Path(model), hadoop, backend)) {
      return work.apply(saved, backend);
    }
  }

  private Precision precision() {
    return switch (precision.toLowerCase(Locale.ROOT)) {
      case "fp32" -> Precision.FP32;
      case "bf16" -> Precision.BF16;
      default -> throw UserException.usage("--precision must be fp32 or bf16, got " + precision);
    };
  }

  private int threads() {
    if (threads < 0) {
      throw UserException.usage("--threads must be at least 0, got " + threads);
    }
    return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }
}

package dev.firesteel.spark.cli;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.error.UserException;
import dev.firesteel.run.SavedModel;
import java.util.Locale;
import java.util.function.BiFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The arguments of every command that reads a model; the model runs in this process. */
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
      description = "Compute threads; 0, the default: one per core.")
  private int threads;

  @Option(
      names = "--backend",
      paramLabel = "BACKEND",
      defaultValue = "cpu",
      description = "cpu, opencl (a GPU) or reference; ${DEFAULT-VALUE} by default.")
  private String backend;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "",
      description =
          "For the backend opencl: a device index printed by doctor or part of a name; the first"
              + " GPU by default.")
  private String device;

  @Option(
      names = "--no-tune",
      description =
          "For the backend opencl: use fixed matmul tiles instead of measuring once"
              + " which are fastest on the device.")
  private boolean noTune;

  /** Reads the model, runs the work, and releases all memory. */
  <T> T with(Configuration hadoop, BiFunction<SavedModel, Backend, T> work) {
    try (Backend computing = Backends.create(options());
        SavedModel saved = SavedModel.open(new Path(model), hadoop, computing)) {
      return work.apply(saved, computing);
    }
  }

  private BackendOptions options() {
    String name = backend.toLowerCase(Locale.ROOT);
    if (!Backends.names().contains(name)) {
      throw UserException.usage(
          "--backend must be one of " + String.join(", ", Backends.names()) + ", got " + backend);
    }
    if (!name.equals("cpu") && precision() != Precision.FP32) {
      throw UserException.usage(
          "--precision must be fp32 for the backend " + name + ", got " + precision);
    }
    if (!name.equals("opencl") && !device.isEmpty()) {
      throw UserException.usage(
          "--device is for the backend opencl, got " + device + " for " + name);
    }
    if (!name.equals("opencl") && noTune) {
      throw UserException.usage("--no-tune is for the backend opencl, got " + name);
    }
    return new BackendOptions(name, precision(), threads(), device, !noTune);
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

package dev.firesteel.spark.cli;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.InferenceConfig;
import dev.firesteel.run.SavedModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Parameters;

/** The arguments of every command that reads a model; the model runs in this process. */
final class ModelArguments {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description =
          "A run directory (its last checkpoint), a checkpoint, or a Hugging Face model directory.")
  private String model;

  @Parameters(
      index = "1..*",
      paramLabel = "compute.KEY=VALUE",
      arity = "0..*",
      description =
          "What computes, how precisely and with how many threads: the keys of the section compute"
              + " in docs/configuration.md.")
  private List<String> overrides = new ArrayList<>();

  /** The model as the user named it. */
  String name() {
    return model;
  }

  /** Reads the model, runs the work, and releases all memory. */
  <T> T with(Configuration hadoop, BiFunction<SavedModel, Backend, T> work) {
    return with(model, overrides, hadoop, work);
  }

  /** The same for a command with arguments of its own. */
  static <T> T with(
      String model,
      List<String> overrides,
      Configuration hadoop,
      BiFunction<SavedModel, Backend, T> work) {
    try (Backend computing = backend(overrides);
        SavedModel saved = SavedModel.open(new Path(model), hadoop, computing)) {
      return work.apply(saved, computing);
    }
  }

  /** What computes, as the arguments {@code compute.KEY=VALUE} say. */
  static Backend backend(List<String> overrides) {
    return Backends.create(options(overrides));
  }

  private static BackendOptions options(List<String> overrides) {
    ComputeConfig compute = ConfigLoader.load(InferenceConfig.class, overrides).compute();
    return compute.options(Runtime.getRuntime().availableProcessors(), compute.device());
  }
}

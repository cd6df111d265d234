package dev.firesteel.spark.cli;

import dev.firesteel.config.ConfigDraft;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.train.StartingModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The arguments of every command that needs a configuration. */
final class ConfigArguments {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The configuration: a YAML file, see docs/configuration.md.")
  private Path file;

  @Parameters(
      paramLabel = "key.path=value",
      arity = "0..*",
      description = "Keys that win over those of the file.")
  private List<String> overrides = new ArrayList<>();

  /** The configuration of pretraining. */
  PretrainConfig load() {
    return load(PretrainConfig.class);
  }

  /** The configuration, with what comes from the model that it starts from, if it names one. */
  <C extends Record & StageConfig> C load(Class<C> root) {
    ConfigDraft<C> draft =
        file == null
            ? ConfigLoader.draft(root, overrides)
            : ConfigLoader.draft(root, file, overrides);
    return StartingModel.resolve(draft, SparkHadoopUtil.get().newConfiguration(new SparkConf()));
  }
}

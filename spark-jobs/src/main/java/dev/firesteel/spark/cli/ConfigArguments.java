package dev.firesteel.spark.cli;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.RunConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

  /** The configuration; {@code further} keys override all others. */
  RunConfig load(String... further) {
    List<String> keys = new ArrayList<>(overrides);
    keys.addAll(List.of(further));
    return file == null ? ConfigLoader.load(keys) : ConfigLoader.load(file, keys);
  }
}

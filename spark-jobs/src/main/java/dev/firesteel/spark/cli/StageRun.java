package dev.firesteel.spark.cli;

import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.stage.Stages;
import java.io.PrintWriter;
import java.util.Map;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options and the work of every command that trains on examples. */
final class StageRun {
  @Mixin private ConfigArguments arguments;

  @Option(
      names = "--prepare-only",
      description = "Prepare the examples, show one of them, and do not train.")
  private boolean prepareOnly;

  @Option(names = "--rebuild", description = "Delete the prepared examples and prepare them again.")
  private boolean rebuild;

  /**
   * Prepares the examples if necessary, and trains.
   *
   * @return the command's exit code
   */
  <C extends Record & ExampleStageConfig> int run(Class<C> root, PrintWriter out) {
    C config = arguments.load(root);
    String title = StageConfig.stageOf(root) + " " + config.name();
    try (SparkSessions.OpenSession open = SparkSessions.open(title, Map.of())) {
      Stages.check(config); // Before the time that preparing takes.
      TrainingPlugin.driver().pageUrl().ifPresent(url -> out.println("Live page: " + url));
      ExampleManifest manifest = Examples.prepare(open.session(), config, rebuild, out);
      return prepareOnly ? 0 : StageTraining.onExamples(open.session(), config, manifest, out);
    }
  }
}

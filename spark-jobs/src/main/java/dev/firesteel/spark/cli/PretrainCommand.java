package dev.firesteel.spark.cli;

import dev.firesteel.config.PretrainConfig;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.session.SparkSessions;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code pretrain}: trains a model on text. */
@Command(
    name = "pretrain",
    description =
        "Prepares the data if necessary and trains a language model on it; resumes from"
            + " the last checkpoint if a run of that name was stopped.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel pretrain --config configs/quickstart.yaml",
      "  ./firesteel pretrain --config configs/quickstart.yaml data.source=my-texts name=mine",
      "  ./firesteel pretrain name=more data.source=my-texts model.from=runs/quickstart",
      "  spark-submit --class dev.firesteel.spark.Firesteel firesteel.jar \\",
      "      pretrain --config my.yaml runs_folder=hdfs:///runs data.path=hdfs:///data/mine"
    })
public final class PretrainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments arguments;

  @Override
  public Integer call() {
    PretrainConfig config = arguments.load();
    PrintWriter out = spec.commandLine().getOut();
    try (SparkSessions.OpenSession open =
        SparkSessions.open("pretrain " + config.name(), Map.of())) {
      TrainingPlugin.driver().pageUrl().ifPresent(url -> out.println("Live page: " + url));
      return StageTraining.pretrain(open.session(), config, out);
    }
  }
}

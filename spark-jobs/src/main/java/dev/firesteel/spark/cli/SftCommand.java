package dev.firesteel.spark.cli;

import dev.firesteel.config.SftConfig;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.stage.Stages;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sft}: fine-tunes a model on instructions or conversations. */
@Command(
    name = "sft",
    description =
        "Prepares instructions or conversations if necessary and fine-tunes a model on the answers"
            + " in them; resumes from the last checkpoint if a run of that name was stopped.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel sft model.from=runs/quickstart data.source=chats.jsonl name=chat",
      "  ./firesteel sft --config configs/alpaca.yaml data.source=alpaca_data.jsonl",
      "  ./firesteel sft model.from=Qwen2-0.5B data.source=chats.jsonl lora.rank=16 \\",
      "      optimizer.learning_rate=2e-4"
    })
public final class SftCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments arguments;

  @Option(
      names = "--prepare-only",
      description = "Prepare the examples, show one of them, and do not train.")
  private boolean prepareOnly;

  @Option(names = "--rebuild", description = "Delete the prepared examples and prepare them again.")
  private boolean rebuild;

  @Override
  public Integer call() {
    SftConfig config = arguments.load(SftConfig.class);
    PrintWriter out = spec.commandLine().getOut();
    try (SparkSessions.OpenSession open = SparkSessions.open("sft " + config.name(), Map.of())) {
      TrainingPlugin.driver().pageUrl().ifPresent(url -> out.println("Live page: " + url));
      ExampleManifest manifest = Examples.prepare(open.session(), config, rebuild, out);
      return prepareOnly
          ? 0
          : Training.run(
              open.session(),
              Stages.resolveSteps(config, open.session().sparkContext().hadoopConfiguration()),
              manifest.tokenizer().vocabularySize(),
              out);
    }
  }
}

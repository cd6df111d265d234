package dev.firesteel.spark.cli;

import dev.firesteel.config.RewardConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code reward}: trains a reward model on compared answers. */
@Command(
    name = "reward",
    description =
        "Prepares pairs or rankings of answers if necessary and trains a model that scores answers;"
            + " resumes from the last checkpoint if a run of that name was stopped.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel reward model.from=runs/chat data.source=preferences.jsonl name=judge",
      "  ./firesteel reward --config configs/hh-rlhf.yaml data.source=hh-rlhf/train.jsonl"
    })
public final class RewardCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private StageRun run;

  @Override
  public Integer call() {
    return run.run(RewardConfig.class, spec.commandLine().getOut());
  }
}

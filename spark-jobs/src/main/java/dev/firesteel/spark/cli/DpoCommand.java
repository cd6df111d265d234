package dev.firesteel.spark.cli;

import dev.firesteel.config.DpoConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code dpo}: trains a model on preferences without a reward model. */
@Command(
    name = "dpo",
    description =
        "Prepares pairs of answers (or labelled answers, for kto) if necessary and trains a model to"
            + " prefer the better ones; resumes from the last checkpoint if a run of that name was"
            + " stopped.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel dpo model.from=runs/chat data.source=preferences.jsonl name=preferring",
      "  ./firesteel dpo model.from=runs/chat data.source=votes.jsonl preference.loss=kto"
    })
public final class DpoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private StageRun run;

  @Override
  public Integer call() {
    return run.run(DpoConfig.class, spec.commandLine().getOut());
  }
}

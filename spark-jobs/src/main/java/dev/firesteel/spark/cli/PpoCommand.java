package dev.firesteel.spark.cli;

import dev.firesteel.config.PpoConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code ppo}: trains a model by reinforcement learning with a value model. */
@Command(
    name = "ppo",
    description =
        "Samples answers to prompts, scores them by a reward model, classes or expressions, and trains"
            + " the model to score better without leaving its reference; resumes from the last"
            + " checkpoint if a run of that name was stopped.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel ppo model.from=runs/chat rewards.model=runs/judge \\",
      "      data.source=prompts.jsonl name=aligned",
      "  ./firesteel ppo model.from=runs/chat data.source=prompts.jsonl \\",
      "      'rewards.functions=[\"2 * contains(\\\"The end.\\\")\"]' name=shaped"
    })
public final class PpoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private StageRun run;

  @Override
  public Integer call() {
    return run.run(PpoConfig.class, spec.commandLine().getOut());
  }
}

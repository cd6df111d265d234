package dev.firesteel.spark.cli;

import dev.firesteel.config.GrpoConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code grpo}: trains a model by comparing its answers with one another. */
@Command(
    name = "grpo",
    description =
        "Samples groups of answers to prompts, scores them, and trains the model to prefer the better"
            + " ones of each group; resumes from the last checkpoint if a run of that name was"
            + " stopped.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel grpo --config configs/gsm8k-grpo.yaml model.from=Qwen2-0.5B \\",
      "      data.source=gsm8k.train.jsonl",
      "  ./firesteel grpo model.from=runs/chat data.source=prompts.jsonl \\",
      "      rewards.functions=com.example.MyReward grpo.estimator=rloo"
    })
public final class GrpoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private StageRun run;

  @Override
  public Integer call() {
    return run.run(GrpoConfig.class, spec.commandLine().getOut());
  }
}

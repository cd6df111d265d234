package dev.firesteel.spark.cli;

import dev.firesteel.config.SftConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
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
      "  ./firesteel sft --config configs/alpaca.yaml data.source=alpaca_data.json",
      "  ./firesteel sft model.from=Qwen2-0.5B data.source=chats.jsonl lora.rank=16 \\",
      "      optimizer.learning_rate=2e-4"
    })
public final class SftCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private StageRun run;

  @Override
  public Integer call() {
    return run.run(SftConfig.class, spec.commandLine().getOut());
  }
}

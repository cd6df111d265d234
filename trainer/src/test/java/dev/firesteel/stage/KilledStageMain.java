package dev.firesteel.stage;

import dev.firesteel.config.PpoConfig;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingOutcome;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A tiny PPO run as a process of its own, to be killed: prints a line for each step. */
final class KilledStageMain {
  static final int STEPS = 9;

  private KilledStageMain() {}

  /** With all the state that a run can have: two models, an average of weights, adaptive KL. */
  static PpoConfig config(Path folder, String name) {
    return AlignmentRun.config(
        PpoConfig.class,
        folder,
        "name=" + name,
        "model.from=" + folder.resolve("model"),
        "compute.backend=reference",
        "rewards.functions=[\"count('a') - 0.1 * length + ended\"]",
        "rewards.running_scale=true",
        "rollouts.prompts=4",
        "rollouts.max_tokens=8",
        "kl.target=0.01",
        "kl.horizon=20",
        "kl.coefficient=0.1",
        "update.epochs=2",
        "update.ema_decay=0.9",
        "training.steps=" + STEPS,
        "training.micro_batch_size=2",
        "training.global_batch_size=4",
        "optimizer.learning_rate=0.003",
        "evaluation.every=0",
        "sample.every=0",
        "checkpoint.every=1",
        "checkpoint.keep_last=2");
  }

  public static void main(String[] arguments) {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    TrainingOutcome outcome =
        AlignmentRun.train(
            config(Path.of(arguments[0]), arguments[1]),
            1,
            Long.MAX_VALUE,
            event -> {
              if (event instanceof TrainingEvent.StepLogged metrics) {
                out.println("step " + metrics.step());
              }
            });
    out.println(outcome);
  }
}

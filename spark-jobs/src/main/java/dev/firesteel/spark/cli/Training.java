package dev.firesteel.spark.cli;

import dev.firesteel.config.StageConfig;
import dev.firesteel.plan.Quantities;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import dev.firesteel.spark.driver.TrainerProcess;
import dev.firesteel.spark.driver.TrainingJob;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.process.Interruption;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.stage.Stages;
import dev.firesteel.train.ProgressLine;
import dev.firesteel.train.TrainingOutcome;
import java.io.PrintWriter;
import org.apache.spark.sql.SparkSession;

/** What the commands of all stages do once their data is prepared. */
final class Training {
  private Training() {}

  /**
   * Trains, with a line of progress, until the last step or an interruption.
   *
   * @param vocabularySize rows of the embedding
   * @return the command's exit code
   */
  static int run(SparkSession spark, StageConfig config, int vocabularySize, PrintWriter out) {
    tellMemory(spark, config, vocabularySize, out);
    ProgressLine progress = new ProgressLine(System.out, onTerminal());
    TrainingOutcome outcome =
        Interruption.graceful(
            TrainingPlugin.driver()::requestStop,
            () -> new TrainingJob(spark, config).run(progress));
    return outcome == TrainingOutcome.INTERRUPTED ? Failures.INTERRUPTED : 0;
  }

  /** Before the first step, since a heap that is too small would end the run at any later one. */
  private static void tellMemory(
      SparkSession spark, StageConfig config, int vocabularySize, PrintWriter out) {
    TrainerProcess process = TrainerProcess.of(spark.sparkContext().conf());
    StageInputs inputs = Stages.inputs(config, spark.sparkContext().hadoopConfiguration());
    RunPlan plan = process.planWithin(config, vocabularySize, inputs);
    out.println(
        "Memory: "
            + Quantities.bytes(plan.memory().peakHeapBytes())
            + " of heap expected, of "
            + Quantities.bytes(process.heapBytes())
            + " allowed; ./firesteel plan shows the parts");
    process.warning(plan, config, vocabularySize, inputs).ifPresent(out::println);
  }

  /** The launcher checks this: {@code System.console()} behaves differently across JDKs. */
  static boolean onTerminal() {
    return Boolean.getBoolean("firesteel.terminal");
  }
}

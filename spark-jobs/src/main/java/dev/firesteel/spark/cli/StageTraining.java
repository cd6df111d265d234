package dev.firesteel.spark.cli;

import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.spark.prepare.PrepareJob;
import dev.firesteel.stage.Stages;
import java.io.PrintWriter;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;

/** Prepares a stage's data if necessary and trains, for the command of the stage and for others. */
final class StageTraining {
  private StageTraining() {}

  /**
   * Prepares and trains a stage of any kind.
   *
   * @return the command's exit code
   */
  static int run(SparkSession spark, StageConfig config, PrintWriter out) {
    if (config instanceof PretrainConfig pretraining) {
      return pretrain(spark, pretraining, out);
    }
    ExampleStageConfig examples = (ExampleStageConfig) config;
    return onExamples(spark, examples, Examples.prepare(spark, examples, false, out), out);
  }

  /** Trains on text, which is prepared first. */
  static int pretrain(SparkSession spark, PretrainConfig config, PrintWriter out) {
    PrepareJob.run(spark, config, false, out::println);
    PlannedData data = PlannedData.of(config, hadoop(spark));
    return Training.run(
        spark, data.resolveSteps(config, hadoop(spark)), data.vocabularySize(), out);
  }

  /** Trains on prepared examples. */
  static int onExamples(
      SparkSession spark, ExampleStageConfig config, ExampleManifest manifest, PrintWriter out) {
    return Training.run(
        spark,
        Stages.resolveSteps(config, hadoop(spark)),
        manifest.tokenizer().vocabularySize(),
        out);
  }

  private static Configuration hadoop(SparkSession spark) {
    return spark.sparkContext().hadoopConfiguration();
  }
}

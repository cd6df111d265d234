package dev.firesteel.spark.cli;

import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.example.ExampleView;
import dev.firesteel.spark.prepare.ExampleCounts;
import dev.firesteel.spark.prepare.ExampleJob;
import dev.firesteel.train.ExampleData;
import java.io.PrintWriter;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** Prepares a stage's examples, and shows what they are before training begins. */
final class Examples {
  private Examples() {}

  /** Prepares the examples if necessary; prints their counts and one of them. */
  static ExampleManifest prepare(
      SparkSession spark, ExampleStageConfig config, boolean rebuild, PrintWriter out) {
    ExampleManifest manifest = ExampleJob.run(spark, config, rebuild, out::println);
    out.println(ExampleCounts.describe(manifest.counts()));
    out.println(
        "%s: %s, %s"
            .formatted(
                config.dataFolder(),
                describe("training", manifest.part(Part.TRAIN)),
                describe("validation", manifest.part(Part.VALIDATION))));
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    ExampleData data = ExampleData.open(new Path(config.dataFolder()), hadoop);
    out.println("The first example, with what is trained highlighted:");
    out.println(
        ExampleView.of(data.train().get(0), data.tokenizer(), Training.onTerminal())
            .stripTrailing());
    return manifest;
  }

  private static String describe(String name, ExampleManifest.SplitInfo part) {
    return "%,d %s examples of %,d tokens, %,d of them trained"
        .formatted(part.examples(), name, part.tokens(), part.trained());
  }
}

package dev.firesteel.spark;

import dev.firesteel.checkpoint.RunDirectory;
import dev.firesteel.config.RunConfig;
import dev.firesteel.data.DataFiles;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import scala.reflect.ClassTag$;

/**
 * Pretrains on an executor: one barrier job of one task, which computes with all of the executor's
 * cores and talks to the driver through {@link TrainingPlugin}. Weights go from the task to the run
 * directory, never through the driver.
 *
 * <p>Runs on the driver.
 */
final class PretrainJob {
  private final SparkSession spark;
  private final RunConfig config;

  PretrainJob(SparkSession spark, RunConfig config) {
    this.spark = spark;
    this.config = config;
  }

  /**
   * Trains from the run's last checkpoint, or from the first step, to the end or until {@link
   * TrainingPlugin.Driver#requestStop}.
   *
   * @param listener hears the run while it goes on, from a thread of Spark's
   */
  TrainingOutcome run(TrainingListener listener) {
    SparkContext context = spark.sparkContext();
    TrainingPlugin.driver().listen(event -> TrainingEvents.dispatch(event, listener));
    // A killed task shall hear of it while it computes, not after.
    context.setInterruptOnCancel(true);
    List<TrainReport> reports =
        JavaSparkContext.fromSparkContext(context)
            .parallelize(new ArrayList<>(Collections.singletonList(assignment())), 1)
            .rdd()
            .barrier()
            .mapPartitions(new TrainTask(), false, ClassTag$.MODULE$.apply(TrainReport.class))
            .toJavaRDD()
            .collect();
    return reports.get(0).outcome();
  }

  private TrainAssignment assignment() {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    return new TrainAssignment(
        config,
        qualified(new Path(config.data().path()), hadoop),
        qualified(RunDirectory.of(config, hadoop).path(), hadoop));
  }

  /** With scheme and full path: an executor has another working directory. */
  private static String qualified(Path path, Configuration hadoop) {
    try {
      FileSystem fs = DataFiles.fileSystem(path, hadoop);
      return fs.makeQualified(path).toString();
    } catch (IOException e) {
      throw DataFiles.explain("finding the file system of " + path, e);
    }
  }
}

package dev.firesteel.spark.driver;

import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.spark.executor.SweepTask;
import dev.firesteel.spark.rpc.SweepReport;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.sweep.SweepPlan;
import dev.firesteel.sweep.SweepProgress;
import dev.firesteel.sweep.SweepRun;
import dev.firesteel.train.TrainingEvent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Trains the runs of a sweep as independent tasks of one Spark job, as many at a time as Spark has
 * cores, the most expensive first. Before that, those that are too large for a core are trained one
 * after another, each by all executors ({@link TrainingJob}).
 *
 * <p>Runs on the driver.
 */
public final class SweepJob {
  private final SparkSession spark;
  private final SparkContext context;
  private final Configuration hadoop;
  private final SweepPlan plan;
  private final TrainingPlugin.Driver plugin = TrainingPlugin.driver();

  /** A job that trains the runs of a plan that are not finished. */
  public SweepJob(SparkSession spark, SweepPlan plan) {
    this.spark = spark;
    this.context = spark.sparkContext();
    this.hadoop = context.hadoopConfiguration();
    this.plan = plan;
  }

  /**
   * Trains until all runs have ended, or until {@link TrainingPlugin.Driver#requestStop}: then all
   * save checkpoints and end.
   *
   * @param progress hears of each run
   * @return why runs failed, by name
   */
  @SuppressWarnings("try") // The lock is held, not used.
  public Map<String, String> run(SweepProgress progress) {
    Map<String, String> failures = new LinkedHashMap<>();
    if (plan.left().isEmpty()) {
      return failures;
    }
    context.setInterruptOnCancel(true);
    plugin.showSweep(progress);
    try (FolderLock lock = plan.folder(hadoop).lock()) {
      for (SweepRun run : plan.distributed()) {
        trainByAll(run, progress).ifPresent(failure -> failures.put(run.name(), failure));
      }
      List<TrainAssignment[]> assignments = assignments(failures.keySet());
      if (assignments.isEmpty()) {
        return failures;
      }
      context.setJobGroup("firesteel-sweep", "sweep " + plan.sweep().config().name(), true);
      List<SweepReport[]> reports =
          JavaSparkContext.fromSparkContext(context)
              .parallelize(assignments, assignments.size())
              .map(new SweepTask(plan.sweep().config().skillProblems()))
              .collect();
      reports.stream()
          .flatMap(Arrays::stream)
          .filter(report -> !report.failure().isEmpty())
          .forEach(report -> failures.put(report.run(), report.failure()));
    } finally {
      context.clearJobGroup();
    }
    return failures;
  }

  private List<TrainAssignment[]> assignments(Set<String> failed) {
    List<TrainAssignment[]> assignments = new ArrayList<>();
    for (List<SweepRun> path : plan.paths()) {
      assignments.add(
          path.stream().map(run -> assignment(run.config())).toArray(TrainAssignment[]::new));
    }
    if (plan.sweep().config().skillProblems() > 0) {
      // They are trained by now; a task each measures them.
      for (SweepRun run : plan.distributed()) {
        if (!failed.contains(run.name())) {
          assignments.add(new TrainAssignment[] {assignment(run.config())});
        }
      }
    }
    return assignments;
  }

  /** Trains a run by all executors, unless the sweep is to stop. */
  private Optional<String> trainByAll(SweepRun run, SweepProgress progress) {
    if (plugin.stopRequested()) {
      return Optional.empty();
    }
    try {
      new TrainingJob(spark, run.config())
          .run(
              event -> {
                if (event instanceof TrainingEvent.StepLogged logged) {
                  progress.heard(
                      run.name(), logged.step(), logged.training().get("loss").orElse(Double.NaN));
                }
              });
      return Optional.empty();
    } catch (UserException e) {
      return Optional.of(e.getMessage());
    } finally {
      plugin.listen(event -> {});
    }
  }

  private TrainAssignment assignment(PretrainConfig config) {
    return new TrainAssignment(
        config,
        HadoopFiles.qualified(new Path(config.data().path()), hadoop).toString(),
        HadoopFiles.qualified(RunDirectory.of(config, hadoop).path(), hadoop).toString(),
        1,
        1,
        0,
        new byte[0],
        "");
  }
}

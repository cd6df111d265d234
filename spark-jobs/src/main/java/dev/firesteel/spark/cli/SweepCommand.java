package dev.firesteel.spark.cli;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.Sweep;
import dev.firesteel.config.SweepLoader;
import dev.firesteel.plan.Quantities;
import dev.firesteel.plan.ThroughputProbe;
import dev.firesteel.spark.driver.SweepJob;
import dev.firesteel.spark.executor.TrainTask;
import dev.firesteel.spark.prepare.PrepareJob;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.process.Interruption;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.sweep.EmergenceReport;
import dev.firesteel.sweep.SweepPlan;
import dev.firesteel.sweep.SweepProgress;
import dev.firesteel.sweep.SweepRun;
import dev.firesteel.sweep.SweepTable;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Scanner;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code sweep}: trains many models that differ in size, length and other keys. */
@Command(
    name = "sweep",
    description =
        "Trains pretraining runs that differ in size, length and any other keys, as many at a time"
            + " as Spark has cores, and writes one table of their results. Runs that are finished"
            + " are kept, those that were stopped resume.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint of each run and exits with code 130; the same command"
          + " resumes.",
      "",
      "Examples:",
      "  ./firesteel sweep --config configs/sweeps/tiny.yaml --dry-run",
      "  ./firesteel sweep --config configs/sweeps/tiny.yaml",
      "  ./firesteel sweep --config configs/sweeps/tiny.yaml name=wide sizes.width_per_layer=48 \\",
      "      keys.optimizer.learning_rate=2e-3",
      "  ./firesteel fit --data runs/tiny/runs.jsonl --out runs/tiny/fit"
    })
public final class SweepCommand implements Callable<Integer> {
  private static final Duration PROBE = Duration.ofSeconds(2);
  private static final double ASK_ABOVE_SECONDS = 15 * 60;
  private static final int FAILED = 1;

  @Spec private CommandSpec spec;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      required = true,
      description = "The sweep: a YAML file, see docs/sweeps.md.")
  private Path file;

  @Option(
      names = "--dry-run",
      description = "Check all runs, show what would be trained, and train nothing.")
  private boolean dryRun;

  @Option(
      names = "--no-probe",
      description = "Do not time matmuls on this machine; no time is estimated then.")
  private boolean noProbe;

  @Option(
      names = "--yes",
      description = "Do not ask before a sweep that takes more than a quarter of an hour.")
  private boolean yes;

  @Parameters(
      paramLabel = "key.path=value",
      arity = "0..*",
      description =
          "Keys that win over those of the file: of the sweep, or of all runs after \"keys.\""
              + " (keys.optimizer.learning_rate=1e-3).")
  private List<String> overrides = new ArrayList<>();

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Sweep sweep = SweepLoader.load(file, overrides);
    SparkConf spark = new SparkConf();
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(spark);
    double rate = noProbe ? Double.NaN : probe(sweep, spark);
    SweepPlan plan =
        SweepPlan.of(
            sweep, config -> PlannedData.of(config, hadoop).vocabularySize(), rate, hadoop);
    int parallel = TrainTask.cores(spark);
    table(plan, parallel).forEach(out::println);
    if (dryRun || !wanted(plan, parallel, out)) {
      return 0;
    }
    try (SparkSessions.OpenSession open =
        SparkSessions.open("sweep " + sweep.config().name(), Map.of())) {
      TrainingPlugin.driver().pageUrl().ifPresent(url -> out.println("Live page: " + url));
      return run(open.session(), plan, out);
    }
  }

  /** Matmuls of the largest model, by one thread. */
  private static double probe(Sweep sweep, SparkConf spark) {
    PretrainConfig largest =
        sweep.runs().stream()
            .map(Sweep.Run::config)
            .max(
                Comparator.comparingLong(
                    config -> (long) config.model().layers() * config.model().width()))
            .orElseThrow();
    try (Backend backend =
        Backends.create(TrainTask.options(largest.compute(), List.of(), TrainTask.cores(spark)))) {
      return ThroughputProbe.flopsPerSecond(backend, largest, PROBE);
    }
  }

  /** Asks on a terminal, if there is much to train. */
  private boolean wanted(SweepPlan plan, int parallel, PrintWriter out) {
    if (yes || !Training.onTerminal() || !(plan.secondsLeft(parallel) > ASK_ABOVE_SECONDS)) {
      return true;
    }
    out.print("Train them? [y/N] ");
    out.flush();
    Scanner input = new Scanner(System.in, Charset.defaultCharset());
    if (input.hasNextLine() && input.nextLine().strip().toLowerCase(Locale.ROOT).startsWith("y")) {
      return true;
    }
    out.println("Nothing is trained; --yes trains without asking");
    return false;
  }

  private static int run(SparkSession spark, SweepPlan plan, PrintWriter out) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Set<String> prepared = new TreeSet<>();
    for (SweepRun run : plan.left()) {
      if (prepared.add(run.config().data().path())) {
        PrepareJob.run(spark, run.config(), false, out::println);
      }
    }
    SweepProgress progress = new SweepProgress(plan, System.out, Training.onTerminal());
    Map<String, String> failures =
        Interruption.graceful(
            TrainingPlugin.driver()::requestStop, () -> new SweepJob(spark, plan).run(progress));
    progress.close();
    SweepPlan after = plan.now(hadoop);
    failures.forEach((name, why) -> out.println("Failed: " + name + ": " + why));
    String table = SweepTable.write(after, failures, hadoop).toString();
    String parquet = table.replaceAll("\\.jsonl$", ".parquet");
    spark
        .read()
        .schema(SweepTable.schema(after))
        .json(table)
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .parquet(parquet);
    out.printf(
        Locale.ROOT,
        "%d of %d runs are finished%s%nTable: %s and %s%n",
        after.runs().size() - after.left().size(),
        after.runs().size(),
        failures.isEmpty() ? "" : ", %d failed".formatted(failures.size()),
        table,
        parquet);
    if (EmergenceReport.write(after, hadoop, out::println)) {
      out.println("Emergence: " + after.sweep().config().folder() + "/" + EmergenceReport.FILE);
    }
    if (!failures.isEmpty()) {
      return FAILED;
    }
    if (!after.left().isEmpty()) {
      out.println("Interrupted; the same command resumes");
      return Failures.INTERRUPTED;
    }
    return 0;
  }

  private static List<String> table(SweepPlan plan, int parallel) {
    List<String> lines = new ArrayList<>();
    String format = "%-44s %14s %12s %10s %9s %9s  %s";
    lines.add(format.formatted("run", "parameters", "tokens", "FLOPs", "steps", "time", "state"));
    for (SweepRun run : plan.runs()) {
      lines.add(
          String.format(
              Locale.ROOT,
              format,
              run.name(),
              "%,d".formatted(run.size().parameters()),
              "%,d".formatted(run.tokens()),
              String.format(Locale.ROOT, "%.2e", run.flops()),
              run.config().training().steps(),
              duration(run.stepSeconds() * run.ownSteps()),
              run.state() == SweepRun.State.INTERRUPTED
                  ? "at step " + run.step()
                  : run.state().name().toLowerCase(Locale.ROOT)));
    }
    plan.duplicates().forEach((name, first) -> lines.add(name + " is skipped: it equals " + first));
    if (!plan.leftOut().isEmpty()) {
      lines.add("Left out for their tokens per parameter: " + String.join(", ", plan.leftOut()));
    }
    double all = plan.runs().stream().mapToDouble(SweepRun::flops).sum();
    double own = plan.runs().stream().mapToDouble(SweepRun::ownFlops).sum();
    if (own < all) {
      lines.add(
          String.format(
              Locale.ROOT,
              "Branches save %.0f %% of the FLOPs: %.2e instead of %.2e",
              100 * (1 - own / all),
              own,
              all));
    }
    lines.add(
        "%d runs, %d to train, about %s with %d at a time; checkpoints take %s"
            .formatted(
                plan.runs().size(),
                plan.left().size(),
                duration(plan.secondsLeft(parallel)),
                parallel,
                Quantities.bytes(plan.checkpointBytes())));
    return lines;
  }

  private static String duration(double seconds) {
    return Double.isNaN(seconds) ? "-" : Quantities.duration(seconds);
  }
}

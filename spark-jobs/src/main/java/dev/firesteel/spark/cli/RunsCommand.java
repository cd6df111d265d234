package dev.firesteel.spark.cli;

import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.runs.RunComparison;
import dev.firesteel.runs.RunList;
import dev.firesteel.runs.RunState;
import dev.firesteel.track.Trackers;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code runs}: the runs in a folder, as a list, as a table for SQL, or compared on a page. */
@Command(
    name = "runs",
    description =
        "Lists the runs in a folder with their state, loss and speed; runs in training too."
            + " \"runs compare\" writes a page that compares some of them, \"runs sync\" delivers"
            + " what MLflow did not take while they were in training.",
    subcommands = {RunsCommand.Compare.class, RunsCommand.Sync.class},
    footer = {
      "",
      "Examples:",
      "  ./firesteel runs",
      "  ./firesteel runs runs/tiny --state running,failed --sort loss",
      "  ./firesteel runs --name \"lr-*\" --json",
      "  ./firesteel runs --table runs.parquet",
      "  ./firesteel runs compare runs/base runs/wide --out compare.html"
    })
public final class RunsCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FOLDER",
      arity = "0..1",
      defaultValue = "runs",
      description =
          "Where the runs are, at most four folders deep: a local path or a hdfs:/s3a: URI;"
              + " \"${DEFAULT-VALUE}\" by default.")
  private String folder;

  @Option(names = "--json", description = "JSON for programs instead of text.")
  private boolean json;

  @Option(
      names = "--state",
      split = ",",
      paramLabel = "STATE",
      description = "Only runs that are running, finished, stopped, failed or unknown.")
  private List<String> states = new ArrayList<>();

  @Option(names = "--stage", paramLabel = "STAGE", description = "Only runs of a stage.")
  private String stage = "";

  @Option(
      names = "--name",
      paramLabel = "GLOB",
      description = "Only runs whose name, or the last part of it, matches.")
  private String name = "";

  @Option(
      names = "--sort",
      paramLabel = "ORDER",
      defaultValue = "updated",
      description =
          "updated, name, loss, headline, speed, step or tokens; ${DEFAULT-VALUE} by default.")
  private String order;

  @Option(names = "--reverse", description = "The other way round.")
  private boolean reverse;

  @Option(names = "--limit", paramLabel = "N", description = "Only the first N runs.")
  private Integer limit;

  @Option(
      names = "--table",
      paramLabel = "FILE",
      description =
          "Write a Parquet file instead, for SQL: a row for each run, with all keys of its"
              + " configuration and all last values as maps. Replaced if it exists.")
  private String table;

  @Override
  public Integer call() {
    if (limit != null && limit < 1) {
      throw UserException.usage("--limit must be at least 1, got " + limit);
    }
    Configuration hadoop = new Configuration();
    RunList.Filter filter =
        new RunList.Filter(
            states.stream().map(RunState::of).collect(Collectors.toSet()), stage, name);
    RunList runs = RunList.of(new Path(folder), hadoop).filtered(filter).sorted(order(), reverse);
    if (limit != null) {
      runs = runs.first(limit);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (table != null) {
      RunsParquet.write(runs.runs(), new Path(table), hadoop);
      out.printf(Locale.ROOT, "wrote %d runs to %s%n", runs.runs().size(), table);
    } else if (json) {
      out.println(runs.toJson());
    } else if (runs.runs().isEmpty()) {
      out.println("No runs in " + folder);
    } else {
      runs.lines().forEach(out::println);
    }
    return 0;
  }

  private RunList.Order order() {
    for (RunList.Order each : RunList.Order.values()) {
      if (each.name().equals(order.toUpperCase(Locale.ROOT))) {
        return each;
      }
    }
    throw UserException.usage(
        "--sort must be updated, name, loss, headline, speed, step or tokens, got \"%s\""
            .formatted(order));
  }

  /** {@code runs compare}. */
  @Command(
      name = "compare",
      description =
          "Writes one page on several runs: their last values, the keys in which their"
              + " configurations differ, and their curves over each other.")
  static final class Compare implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(
        paramLabel = "RUN",
        arity = "1..*",
        description = "Run directories, in the order of their columns and colours.")
    private List<String> runs = new ArrayList<>();

    @Option(
        names = "--out",
        paramLabel = "FILE",
        defaultValue = "compare.html",
        description = "The page, replaced if it exists; ${DEFAULT-VALUE} by default.")
    private String out;

    @Override
    public Integer call() {
      Configuration hadoop = new Configuration();
      byte[] page = RunComparison.of(runs.stream().map(Path::new).toList(), hadoop).page();
      PageFile.write(out, page, hadoop, spec);
      return 0;
    }
  }

  /** {@code runs sync}. */
  @Command(
      name = "sync",
      description =
          "Delivers to MLflow what waits in run directories, because the server was away.",
      footer = {"", "Exit code 1 if something still waits."})
  static final class Sync implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(
        paramLabel = "RUN",
        arity = "1..*",
        description = "Run directories, of runs that are not in training.")
    private List<String> runs = new ArrayList<>();

    @Override
    @SuppressWarnings("try") // The lock is held, not used.
    public Integer call() {
      PrintWriter out = spec.commandLine().getOut();
      int waiting = 0;
      for (String run : runs) {
        RunDirectory directory = RunDirectory.at(new Path(run), new Configuration());
        int left;
        try (FolderLock lock = directory.lock()) {
          left = Trackers.deliver(directory, out::println);
        }
        out.println(left == 0 ? run + ": nothing waits" : run + ": " + left + " requests wait");
        waiting += left;
      }
      return waiting == 0 ? 0 : UserException.Kind.FAILURE.exitCode();
    }
  }
}

package dev.firesteel.runs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import java.nio.file.FileSystems;
import java.nio.file.PathMatcher;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** The runs in a folder: filtered, sorted, as a table of text and as JSON. */
public final class RunList {
  private static final List<String> HEADER =
      List.of("run", "stage", "state", "step", "tokens", "loss", "headline", "tokens/s", "updated");

  /** Columns of text; the others are numbers, aligned on the right. */
  private static final Set<Integer> LEFT = Set.of(0, 1, 2, 6);

  private final List<RunSummary> runs;
  private final long nowMillis;

  private RunList(List<RunSummary> runs, long nowMillis) {
    this.runs = runs;
    this.nowMillis = nowMillis;
  }

  /** What the list is sorted by. */
  public enum Order {
    /** The last updated first. */
    UPDATED,
    /** By name. */
    NAME,
    /** The lowest training loss first. */
    LOSS,
    /** The best value of the stage's headline metric first. */
    HEADLINE,
    /** The fastest first. */
    SPEED,
    /** The most steps first. */
    STEP,
    /** The most tokens first. */
    TOKENS;

    private Comparator<RunSummary> comparator() {
      return switch (this) {
        case UPDATED -> Comparator.comparingLong(RunSummary::updatedMillis).reversed();
        case NAME -> Comparator.comparing(RunSummary::name);
        case LOSS -> Comparator.comparingDouble(run -> last(run.loss(), true));
        case HEADLINE ->
            Comparator.comparing(RunSummary::headline)
                .thenComparingDouble(run -> last(run.headlineValue(), run.lessIsBetter()));
        case SPEED -> Comparator.comparingDouble(run -> last(run.tokensPerSecond(), false));
        case STEP -> Comparator.comparingLong(RunSummary::step).reversed();
        case TOKENS -> Comparator.comparingLong(RunSummary::tokens).reversed();
      };
    }

    /** A value that sorts as asked for; runs without a value come last. */
    private static double last(OptionalDouble value, boolean lowestFirst) {
      if (value.isEmpty()) {
        return Double.POSITIVE_INFINITY;
      }
      return lowestFirst ? value.getAsDouble() : -value.getAsDouble();
    }
  }

  /**
   * Which runs are listed.
   *
   * @param states empty: all
   * @param stage empty: all
   * @param name glob that the name, or its last part, matches; empty: all
   */
  public record Filter(Set<RunState> states, String stage, String name) {
    public Filter {
      states = Set.copyOf(states);
    }

    private boolean accepts(RunSummary run) {
      return (states.isEmpty() || states.contains(run.state()))
          && (stage.isEmpty() || stage.equals(run.stage()))
          && (name.isEmpty() || matches(run));
    }

    private boolean matches(RunSummary run) {
      PathMatcher glob = FileSystems.getDefault().getPathMatcher("glob:" + name);
      return glob.matches(java.nio.file.Path.of(run.name()))
          || glob.matches(java.nio.file.Path.of(run.shortName()));
    }
  }

  /**
   * The runs at or below a folder, the last updated first.
   *
   * @throws dev.firesteel.error.UserException if there is no such folder
   */
  public static RunList of(Path folder, Configuration hadoop) {
    long now = System.currentTimeMillis();
    List<RunSummary> runs = new ArrayList<>();
    for (Path path : RunFiles.find(folder, hadoop)) {
      runs.add(summary(folder, path, hadoop, now));
    }
    return new RunList(runs, now).sorted(Order.UPDATED, false);
  }

  private static RunSummary summary(Path folder, Path path, Configuration hadoop, long nowMillis) {
    RunDirectory directory = RunDirectory.at(path, hadoop);
    return RunSummary.of(new RunFiles(directory), name(folder, path, hadoop), nowMillis);
  }

  private static String name(Path folder, Path path, Configuration hadoop) {
    String root = HadoopFiles.qualified(folder, hadoop).toUri().getPath();
    String full = HadoopFiles.qualified(path, hadoop).toUri().getPath();
    return full.length() > root.length() && full.startsWith(root)
        ? full.substring(root.length()).replaceAll("^/+", "")
        : path.getName();
  }

  /** Those that a filter accepts, in the same order. */
  public RunList filtered(Filter filter) {
    return new RunList(runs.stream().filter(filter::accepts).toList(), nowMillis);
  }

  /** All in another order. */
  public RunList sorted(Order order, boolean reversed) {
    Comparator<RunSummary> comparator =
        reversed ? order.comparator().reversed() : order.comparator();
    return new RunList(
        runs.stream().sorted(comparator.thenComparing(RunSummary::name)).toList(), nowMillis);
  }

  /** The first ones. */
  public RunList first(int count) {
    return new RunList(runs.subList(0, Math.min(count, runs.size())), nowMillis);
  }

  /** The runs. */
  public List<RunSummary> runs() {
    return List.copyOf(runs);
  }

  /** A table of text, with a line about each failure below it. */
  public List<String> lines() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEADER);
    runs.forEach(run -> rows.add(cells(run)));
    int[] widths = new int[HEADER.size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String space = " ".repeat(widths[i] - row.get(i).length());
        line.append(LEFT.contains(i) ? row.get(i) + space : space + row.get(i)).append("  ");
      }
      lines.add(line.toString().stripTrailing());
    }
    runs.stream()
        .filter(run -> !run.failure().isEmpty())
        .forEach(run -> lines.add(run.name() + ": " + run.failure()));
    return lines;
  }

  private List<String> cells(RunSummary run) {
    return List.of(
        run.name(),
        run.stage().isEmpty() ? "-" : run.stage(),
        run.state().title(),
        run.steps() == 0
            ? Long.toString(run.step())
            : String.format(Locale.ROOT, "%d/%d", run.step(), run.steps()),
        String.format(Locale.ROOT, "%,d", run.tokens()),
        number(run.loss(), "%.4f"),
        run.headlineValue().isPresent()
            ? run.headline() + " " + number(run.headlineValue(), "%.4f")
            : "-",
        number(run.tokensPerSecond(), "%,.0f"),
        run.updatedMillis() == 0 ? "-" : age(nowMillis - run.updatedMillis()) + " ago");
  }

  private static String number(OptionalDouble value, String format) {
    return value.isEmpty() ? "-" : String.format(Locale.ROOT, format, value.getAsDouble());
  }

  /** A duration in its largest unit. */
  static String age(long millis) {
    long seconds = Math.max(0, millis / 1000);
    if (seconds < 120) {
      return seconds + " s";
    }
    return seconds < 2 * 3600
        ? seconds / 60 + " min"
        : seconds < 48 * 3600 ? seconds / 3600 + " h" : seconds / 86400 + " d";
  }

  /** An array of objects, one for each run. */
  public String toJson() {
    ArrayNode array = CheckpointManifest.JSON.createArrayNode();
    runs.forEach(run -> array.add(json(run)));
    try {
      return CheckpointManifest.JSON.writeValueAsString(array);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree of plain values can be written", e);
    }
  }

  private static ObjectNode json(RunSummary run) {
    ObjectNode json = CheckpointManifest.JSON.createObjectNode();
    json.put("name", run.name());
    json.put("path", run.path());
    json.put("stage", run.stage());
    json.put("state", run.state().title());
    json.put("failure", run.failure());
    json.put("started", run.started());
    json.put("updated", updated(run));
    json.put("step", run.step());
    json.put("steps", run.steps());
    json.put("tokens", run.tokens());
    json.put("headline", run.headline());
    json.put("headline_value", orNull(run.headlineValue()));
    json.put("loss", orNull(run.loss()));
    json.put("tokens_per_second", orNull(run.tokensPerSecond()));
    json.set("metrics", CheckpointManifest.JSON.valueToTree(run.metrics()));
    json.set("session", run.session().isObject() ? run.session() : json.objectNode());
    return json;
  }

  /** When a run was last updated, UTC, ISO 8601; empty if unknown. */
  private static String updated(RunSummary run) {
    return run.updatedMillis() == 0
        ? ""
        : Instant.ofEpochMilli(run.updatedMillis()).truncatedTo(ChronoUnit.SECONDS).toString();
  }

  private static Double orNull(OptionalDouble value) {
    return value.isPresent() ? value.getAsDouble() : null;
  }
}

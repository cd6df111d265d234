package dev.firesteel.scaling;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Finished runs, which laws are fitted to.
 *
 * @param origin the file that they were read from
 * @param derived how tokens and FLOPs were obtained
 * @param runs at least one
 */
public record RunTable(String origin, Derived derived, List<ScalingRun> runs) {
  /** Which of D and C the table lacked. */
  public enum Derived {
    /** The table gives tokens and FLOPs. */
    NONE,
    /** {@code D = C / 6N}. */
    TOKENS,
    /** {@code C = 6ND}. */
    FLOPS
  }

  /** Sizes and budgets that differ by less than this, relatively, are the same. */
  private static final double SAME = 0.02;

  /**
   * A row of cells.
   *
   * @param number of its line or record in the file, from 1
   * @param cells numbers, texts that hold numbers, or null
   */
  public record Row(long number, List<?> cells) {}

  /** Checks that there are runs. */
  public RunTable {
    if (runs.isEmpty()) {
      throw UserException.usage(
          "%s must hold at least one row with a run, got none: add rows below its header"
              .formatted(origin));
    }
    runs = List.copyOf(runs);
  }

  /**
   * Reads the columns that fits need.
   *
   * @param origin the file, for messages
   * @param unit what a row's number counts: {@code line} or {@code record}
   * @param header names of the columns
   * @param rows the cells below it
   * @param names the names that columns have in this table, where they differ from {@link
   *     RunColumn#title}
   * @throws UserException for a missing column and for a cell without a number above 0
   */
  public static RunTable read(
      String origin,
      String unit,
      List<String> header,
      List<Row> rows,
      Map<RunColumn, String> names) {
    Map<RunColumn, Integer> places = places(origin, header, names);
    List<ScalingRun> runs = new ArrayList<>();
    for (Row row : rows) {
      Map<RunColumn, Double> values = new EnumMap<>(RunColumn.class);
      places.forEach(
          (column, place) ->
              values.put(
                  column,
                  number(
                      origin,
                      unit,
                      row,
                      header.get(place),
                      place < row.cells().size() ? row.cells().get(place) : null)));
      runs.add(run(row.number(), values));
    }
    return new RunTable(
        origin,
        places.containsKey(RunColumn.TOKENS)
            ? places.containsKey(RunColumn.FLOPS) ? Derived.NONE : Derived.FLOPS
            : Derived.TOKENS,
        runs);
  }

  private static Map<RunColumn, Integer> places(
      String origin, List<String> header, Map<RunColumn, String> names) {
    Map<RunColumn, Integer> places = new EnumMap<>(RunColumn.class);
    for (RunColumn column : RunColumn.values()) {
      int place = header.indexOf(names.getOrDefault(column, column.title()));
      if (place >= 0) {
        places.put(column, place);
      } else if (names.containsKey(column)) {
        throw missing(origin, header, "\"" + names.get(column) + "\"", column);
      }
    }
    for (RunColumn column : List.of(RunColumn.PARAMETERS, RunColumn.LOSS)) {
      if (!places.containsKey(column)) {
        throw missing(origin, header, "\"" + column.title() + "\"", column);
      }
    }
    if (!places.containsKey(RunColumn.TOKENS) && !places.containsKey(RunColumn.FLOPS)) {
      throw missing(origin, header, "\"tokens\" or \"flops\"", RunColumn.FLOPS);
    }
    return places;
  }

  private static UserException missing(
      String origin, List<String> header, String wanted, RunColumn column) {
    return UserException.usage(
        "%s must have a column %s, got the columns %s: name the right one with --column %s=\"...\""
            .formatted(origin, wanted, String.join(", ", header), column.title()));
  }

  private static double number(String origin, String unit, Row row, String column, Object cell) {
    String text = cell == null ? "" : String.valueOf(cell).strip();
    double value;
    try {
      value = cell instanceof Number given ? given.doubleValue() : Double.parseDouble(text);
    } catch (NumberFormatException e) {
      value = Double.NaN;
    }
    if (!(value > 0) || Double.isInfinite(value)) {
      throw UserException.usage(
          "%s must hold a number above 0 in %s %d, column \"%s\", got %s: correct the cell or delete the %s"
              .formatted(
                  origin,
                  unit,
                  row.number(),
                  column,
                  text.isEmpty() ? "an empty cell" : "\"" + text + "\"",
                  unit));
    }
    return value;
  }

  private static ScalingRun run(long row, Map<RunColumn, Double> values) {
    double parameters = values.get(RunColumn.PARAMETERS);
    double perToken = ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN * parameters;
    Double tokens = values.get(RunColumn.TOKENS);
    Double flops = values.get(RunColumn.FLOPS);
    return new ScalingRun(
        row,
        parameters,
        tokens == null ? flops / perToken : tokens,
        flops == null ? perToken * tokens : flops,
        values.get(RunColumn.LOSS),
        values.getOrDefault(RunColumn.LEARNING_RATE, Double.NaN),
        values.getOrDefault(RunColumn.BATCH_TOKENS, Double.NaN),
        values.getOrDefault(RunColumn.STEPS, Double.NaN),
        values.getOrDefault(RunColumn.HORIZON_TOKENS, Double.NaN));
  }

  /** Number of runs. */
  public int size() {
    return runs.size();
  }

  /**
   * The runs whose loss is below the {@code count}-th highest, which drops {@code count} runs, and
   * more where losses are equal.
   *
   * @throws UserException unless runs are left
   */
  public RunTable dropHighest(int count) {
    if (count == 0) {
      return this;
    }
    if (count < 0 || count >= size()) {
      throw UserException.usage(
          "--drop-highest must be at least 0 and below the number of runs (%d), got %d"
              .formatted(size(), count));
    }
    double[] losses = column(ScalingRun::loss);
    Arrays.sort(losses);
    double bound = losses[losses.length - count];
    return new RunTable(origin, derived, runs.stream().filter(run -> run.loss() < bound).toList());
  }

  /** The runs at some indices, which may repeat. */
  public RunTable at(int[] indices) {
    return new RunTable(origin, derived, Arrays.stream(indices).mapToObj(runs::get).toList());
  }

  /** A number of each run. */
  public double[] column(ToDoubleFunction<ScalingRun> value) {
    return runs.stream().mapToDouble(value).toArray();
  }

  /** Whether each run has an optional number. */
  public boolean has(ToDoubleFunction<ScalingRun> value) {
    return runs.stream().noneMatch(run -> Double.isNaN(value.applyAsDouble(run)));
  }

  /** The runs of each model size, from the smallest to the largest. */
  public List<List<ScalingRun>> bySize() {
    return groups(ScalingRun::parameters, SAME);
  }

  /**
   * Runs grouped by a number above 0: in ascending order, a group ends where the next number is
   * more than a relative gap away.
   */
  List<List<ScalingRun>> groups(ToDoubleFunction<ScalingRun> value, double gap) {
    List<ScalingRun> sorted = new ArrayList<>(runs);
    sorted.sort(
        (a, b) -> {
          int order = Double.compare(value.applyAsDouble(a), value.applyAsDouble(b));
          return order != 0 ? order : Long.compare(a.row(), b.row());
        });
    List<List<ScalingRun>> groups = new ArrayList<>();
    double last = 0;
    for (ScalingRun run : sorted) {
      double now = value.applyAsDouble(run);
      if (groups.isEmpty() || now > last * (1 + gap)) {
        groups.add(new ArrayList<>());
      }
      groups.get(groups.size() - 1).add(run);
      last = now;
    }
    return groups;
  }
}

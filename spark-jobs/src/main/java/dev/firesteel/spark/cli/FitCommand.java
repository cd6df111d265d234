package dev.firesteel.spark.cli;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.scaling.Approach;
import dev.firesteel.scaling.Bootstrap;
import dev.firesteel.scaling.FitSettings;
import dev.firesteel.scaling.ParametricFit;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.RunColumn;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.report.FitDocument;
import dev.firesteel.scaling.report.FitReport;
import dev.firesteel.scaling.report.FitText;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code fit}: fits scaling laws to a table of runs. */
@Command(
    name = "fit",
    description =
        "Fits scaling laws to a table of runs (CSV, JSONL or Parquet): Chinchilla's three approaches,"
            + " Kaplan's laws, and the laws of learning rate and batch size, with intervals, and with"
            + " warnings where the runs do not support a conclusion. Writes fit.json, report.html and"
            + " charts.",
    footer = {
      "",
      "The columns are parameters, loss, and tokens or flops (the other is derived from C = 6ND);",
      "learning_rate, batch_tokens, steps, horizon_tokens, parameters_non_embedding and",
      "parameters_matmul are used where they exist.",
      "",
      "Examples:",
      "  ./firesteel fit --data runs.csv --out fits/mine",
      "  ./firesteel fit --data chinchilla.csv --column parameters=\"Model Size\" \\",
      "      --column flops=\"Training FLOP\" --drop-highest 5 --bootstrap 1000 --out fits/chinchilla",
      "  ./firesteel fit --data runs.parquet --approach 3 --bootstrap 0 --out fits/quick"
    })
public final class FitCommand implements Callable<Integer> {
  private static final List<String> COUNTS =
      List.of("parameters_non_embedding", "parameters_matmul");

  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      required = true,
      description = "The runs: .csv with a header, .jsonl, .parquet, or a folder of Parquet files.")
  private String data;

  @Option(
      names = "--column",
      paramLabel = "NAME=COLUMN",
      description = "The name that a column has in the file; repeatable.")
  private Map<String, String> columns = new LinkedHashMap<>();

  @Option(
      names = "--drop-highest",
      paramLabel = "N",
      defaultValue = "0",
      description = "Leave out the runs with the N highest losses.")
  private int dropHighest;

  @Option(
      names = "--approach",
      paramLabel = "NAME",
      split = ",",
      description =
          "What to fit: 1, 2, 3, kaplan, hyperparameters, critical_batch; all that the columns allow"
              + " by default.")
  private List<String> approaches = new ArrayList<>();

  @Option(
      names = "--bootstrap",
      paramLabel = "N",
      defaultValue = "400",
      description = "Resamples for the intervals; ${DEFAULT-VALUE} by default, 0 for none.")
  private int resamples;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1337",
      description = "Seed of the resamples; ${DEFAULT-VALUE} by default.")
  private long seed;

  @Option(
      names = "--starts",
      paramLabel = "N",
      defaultValue = "4500",
      description =
          "Starts of the search of approach 3, spread over its grid; ${DEFAULT-VALUE}, the whole"
              + " grid, by default.")
  private int starts;

  @Option(
      names = "--entropy",
      paramLabel = "NATS",
      description =
          "The entropy of the data, where it is known: no loss and no fitted E can be below it.")
  private Double entropy;

  @Option(
      names = "--fixed-exponents",
      paramLabel = "ALPHA,BETA",
      split = ",",
      description = "Exponents of the variant that fixes them; by default those of Epoch AI's fit.")
  private List<Double> exponents = new ArrayList<>();

  @Option(
      names = "--fixed-irreducible",
      paramLabel = "E",
      description =
          "E of the variant that fixes it; by default --entropy, or else 0, as in Kaplan's laws.")
  private Double irreducible;

  @Option(
      names = "--judge",
      paramLabel = "E,A,B,ALPHA,BETA",
      split = ",",
      description = "Constants of another fit of the same runs, to be judged: rounded? converged?")
  private List<String> judged = new ArrayList<>();

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "Folder for fit.json, report.html and the charts; its files are replaced.")
  private String out;

  @Override
  public Integer call() {
    if (resamples < 0) {
      throw UserException.usage("--bootstrap must be at least 0, got " + resamples);
    }
    if (starts < 1 || starts > ParametricFit.GRID) {
      throw UserException.usage(
          "--starts must be from 1 to %d, got %d".formatted(ParametricFit.GRID, starts));
    }
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(new SparkConf());
    RunTableFile.Content all = RunTableFile.read(data, hadoop);
    RunTableFile.Content content = all.finished();
    if (content.rows().size() < all.rows().size()) {
      spec.commandLine()
          .getOut()
          .printf(
              Locale.ROOT,
              "Left out %d of %d runs, which are not finished%n",
              all.rows().size() - content.rows().size(),
              all.rows().size());
    }
    Map<RunColumn, String> names = names();
    RunTable table = content.table(names).dropHighest(dropHighest);
    ScalingFit fit = ScalingFit.of(table, settings(), counts(content, names));
    requireWanted(fit);
    FitDocument document = FitDocument.of(fit);
    write(document, fit, hadoop);
    PrintWriter terminal = spec.commandLine().getOut();
    FitText.lines(fit, document).forEach(terminal::println);
    terminal.println("Report: " + out + "/" + FitReport.FILE_NAME);
    return 0;
  }

  /** The runs with other counts of parameters, of which the table may have columns. */
  private Map<String, RunTable> counts(RunTableFile.Content content, Map<RunColumn, String> names) {
    Map<String, RunTable> counts = new LinkedHashMap<>();
    for (String column : COUNTS) {
      if (content.has(column) && !names.containsValue(column)) {
        Map<RunColumn, String> other = new EnumMap<>(RunColumn.class);
        other.putAll(names);
        other.put(RunColumn.PARAMETERS, column);
        counts.put(column, content.table(other).dropHighest(dropHighest));
      }
    }
    return counts;
  }

  private Map<RunColumn, String> names() {
    Map<RunColumn, String> names = new EnumMap<>(RunColumn.class);
    columns.forEach(
        (name, column) ->
            names.put(
                Arrays.stream(RunColumn.values())
                    .filter(one -> one.title().equals(name))
                    .findFirst()
                    .orElseThrow(
                        () ->
                            UserException.usage(
                                "--column must name one of %s, got %s"
                                    .formatted(
                                        Arrays.stream(RunColumn.values())
                                            .map(RunColumn::title)
                                            .collect(Collectors.joining(", ")),
                                        name))),
                column));
    return names;
  }

  private FitSettings settings() {
    FitSettings standard =
        FitSettings.standard(
            new Bootstrap(resamples, seed, Runtime.getRuntime().availableProcessors()));
    requireCount("--fixed-exponents", exponents, 2);
    requireCount("--judge", judged, 5);
    boolean fixed = !exponents.isEmpty();
    return new FitSettings(
        wanted(),
        standard.bootstrap(),
        entropy == null ? standard.entropy() : entropy,
        fixed ? exponents.get(0) : standard.fixedAlpha(),
        fixed ? exponents.get(1) : standard.fixedBeta(),
        irreducible != null ? irreducible : entropy != null ? entropy : standard.fixedIrreducible(),
        ParametricFit.GRID / starts,
        judged.isEmpty() ? null : judged());
  }

  private static void requireCount(String option, List<?> values, int count) {
    if (!values.isEmpty() && values.size() != count) {
      throw UserException.usage(
          "%s must have %d numbers with commas between them, got %d"
              .formatted(option, count, values.size()));
    }
  }

  private ParametricLaw judged() {
    double[] values = new double[judged.size()];
    for (int i = 0; i < values.length; i++) {
      try {
        values[i] = Double.parseDouble(judged.get(i));
      } catch (NumberFormatException e) {
        throw UserException.usage(
            "--judge must have numbers, got \"%s\"".formatted(judged.get(i)), e);
      }
    }
    return new ParametricLaw(values[0], values[1], values[2], values[3], values[4]);
  }

  private Set<Approach> wanted() {
    Set<Approach> wanted = EnumSet.noneOf(Approach.class);
    for (String name : approaches) {
      wanted.add(
          Arrays.stream(Approach.values())
              .filter(one -> one.title().equals(name.strip()))
              .findFirst()
              .orElseThrow(
                  () ->
                      UserException.usage(
                          "--approach must be one of %s, got %s"
                              .formatted(
                                  Arrays.stream(Approach.values())
                                      .map(Approach::title)
                                      .collect(Collectors.joining(", ")),
                                  name))));
    }
    return wanted.isEmpty() ? EnumSet.allOf(Approach.class) : wanted;
  }

  /** An approach that was asked for by its name, or all of them, must not be refused. */
  private void requireWanted(ScalingFit fit) {
    List<String> refused = fit.refusals();
    if (!refused.isEmpty() && (!approaches.isEmpty() || fit.isEmpty())) {
      throw UserException.usage("%s: %s".formatted(data, refused.get(0)));
    }
  }

  private void write(FitDocument document, ScalingFit fit, Configuration hadoop) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put(FitDocument.FILE_NAME, document.json());
    files.putAll(FitReport.files(fit, spec.commandLine().getOut()::println));
    Path folder = new Path(out);
    try {
      FileSystem fs = HadoopFiles.fileSystem(folder, hadoop);
      for (Map.Entry<String, byte[]> file : files.entrySet()) {
        try (OutputStream stream = fs.create(new Path(folder, file.getKey()), true)) {
          stream.write(file.getValue());
        }
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("writing the fit to " + out, e);
    }
  }
}

package dev.firesteel.spark.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.plan.ParameterCount;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.scaling.forecast.Forecast;
import dev.firesteel.scaling.report.FitDocument;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code forecast}: the run that a budget should buy, and whether it went as expected. */
@Command(
    name = "forecast",
    description =
        "Forecasts the loss of a compute budget from a fit of scaling laws, with an interval, and"
            + " writes the configuration to train and the forecast beside it. After the run, --score"
            + " says whether its loss fell inside.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel forecast --fit fits/mine --flops 1e17 --config configs/quickstart.yaml \\",
      "      --out big.yaml",
      "  ./firesteel pretrain --config big.yaml",
      "  ./firesteel forecast --score big.forecast.json --run runs/big"
    })
public final class ForecastCommand implements Callable<Integer> {
  private static final String YAML = ".yaml";
  private static final String FORECAST = ".forecast.json";
  private static final String LOSS = "val_loss";

  @Spec private CommandSpec spec;

  @Option(names = "--fit", paramLabel = "DIR", description = "What fit --out wrote.")
  private String fit;

  @Option(names = "--flops", paramLabel = "C", description = "The compute budget, such as 1e18.")
  private Double flops;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "A configuration of pretraining that the run is like; its sizes are replaced.")
  private java.nio.file.Path config;

  @Option(
      names = "--count",
      paramLabel = "N",
      defaultValue = "all",
      description =
          "What the parameters of the fitted runs count: all (default), non_embedding or matmul.")
  private String count;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description =
          "Where to write the configuration, a name ending in .yaml; the forecast is written beside"
              + " it, with .forecast.json instead.")
  private String out;

  @Option(names = "--score", paramLabel = "FILE", description = "A forecast to compare a run with.")
  private String score;

  @Option(names = "--run", paramLabel = "RUN_DIR", description = "The finished run.")
  private String run;

  @Parameters(
      paramLabel = "key.path=value",
      arity = "0..*",
      description = "Keys that win over those of the configuration.")
  private List<String> overrides = new ArrayList<>();

  @Override
  public Integer call() {
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(new SparkConf());
    PrintWriter terminal = spec.commandLine().getOut();
    if (score != null || run != null) {
      if (score == null || run == null || fit != null) {
        throw UserException.usage(
            "a forecast is scored with --score FORECAST --run RUN_DIR and no --fit, got other options");
      }
      terminal.println(score(hadoop));
      return 0;
    }
    if (fit == null || flops == null || out == null) {
      throw UserException.usage(
          "forecast needs --fit, --flops and --out, or --score and --run, got neither");
    }
    if (!(flops > 0) || Double.isInfinite(flops)) {
      throw UserException.usage("--flops must be a number above 0, got " + flops);
    }
    if (!out.endsWith(YAML)) {
      throw UserException.usage("--out must name a file that ends in .yaml, got " + out);
    }
    Path document = new Path(fit, FitDocument.FILE_NAME);
    PretrainConfig base =
        config == null
            ? ConfigLoader.load(PretrainConfig.class, overrides)
            : ConfigLoader.load(PretrainConfig.class, config, overrides);
    Path file = new Path(out);
    String name = file.getName().substring(0, file.getName().length() - YAML.length());
    Forecast.Plan plan =
        Forecast.of(
            FitDocument.parse(read(document, hadoop), document.toString()),
            document.toString(),
            flops,
            base,
            PlannedData.of(base, hadoop).vocabularySize(),
            counted(),
            name);
    String yaml =
        "# "
            + String.join("\n# ", plan.forecast().lines())
            + "\n\n"
            + ConfigLoader.toYaml(plan.config());
    write(file, yaml.getBytes(StandardCharsets.UTF_8), hadoop);
    Path forecast = new Path(file.getParent(), name + FORECAST);
    write(forecast, plan.forecast().json(), hadoop);
    plan.forecast().lines().forEach(terminal::println);
    terminal.println("Train it: ./firesteel pretrain --config " + out);
    terminal.println(
        "Then:     ./firesteel forecast --score %s --run %s/%s"
            .formatted(forecast, plan.config().runsFolder(), name));
    return 0;
  }

  private ParameterCount counted() {
    for (ParameterCount one : ParameterCount.values()) {
      if (one.name().toLowerCase(Locale.ROOT).equals(count)) {
        return one;
      }
    }
    throw UserException.usage("--count must be all, non_embedding or matmul, got " + count);
  }

  private String score(Configuration hadoop) {
    Forecast forecast = Forecast.parse(read(new Path(score), hadoop), score);
    RunDirectory directory = RunDirectory.at(new Path(run), hadoop);
    String metrics = new Path(directory.path(), RunDirectory.METRICS).toString();
    List<JsonNode> rows =
        StepRows.parse(
            directory
                .read(RunDirectory.METRICS)
                .orElseThrow(
                    () ->
                        UserException.usage(
                            "--run must name a run directory with %s, got %s"
                                .formatted(RunDirectory.METRICS, run))),
            metrics);
    PretrainConfig trained =
        ConfigLoader.parse(
            PretrainConfig.class,
            new String(
                directory
                    .read(RunDirectory.CONFIG)
                    .orElseThrow(
                        () ->
                            UserException.usage(
                                "--run must name a run directory with %s, got %s"
                                    .formatted(RunDirectory.CONFIG, run))),
                StandardCharsets.UTF_8),
            run + "/" + RunDirectory.CONFIG,
            List.of());
    JsonNode last = null;
    for (JsonNode row : rows) {
      last = row.path(LOSS).isNumber() ? row : last;
    }
    long steps = trained.training().steps();
    if (last == null || last.path("step").asLong() < steps) {
      throw UserException.usage(
          "a forecast is scored against the validation loss after the last step (%d), got %s: finish the run first"
              .formatted(
                  steps, last == null ? "none" : "one of step " + last.path("step").asLong()));
    }
    String line = forecast.score(last.path(LOSS).asDouble());
    long tokens = steps * trained.training().tokensPerStep();
    return tokens == forecast.tokens()
        ? line
        : line
            + "; the run trained on %,d tokens, the forecast is for %,d"
                .formatted(tokens, forecast.tokens());
  }

  private static byte[] read(Path file, Configuration hadoop) {
    try (InputStream in = HadoopFiles.fileSystem(file, hadoop).open(file)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  private static void write(Path file, byte[] content, Configuration hadoop) {
    try {
      FileSystem fs = HadoopFiles.fileSystem(file, hadoop);
      try (OutputStream stream = fs.create(file, true)) {
        stream.write(content);
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("writing " + file, e);
    }
  }
}

package dev.firesteel.spark.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import dev.firesteel.plan.ThroughputProbe;
import dev.firesteel.spark.driver.TrainerProcess;
import dev.firesteel.spark.executor.TrainTask;
import dev.firesteel.stage.Stages;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code plan}: estimates parameters, FLOPs, memory and time of a run before it starts. */
@Command(
    name = "plan",
    description =
        "Estimates parameters, FLOPs, memory, time and disk usage before a run starts. Reads only"
            + " the configuration and, if the data is prepared, its manifest; matmuls are"
            + " timed for a few seconds.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel plan --config configs/quickstart.yaml",
      "  ./firesteel plan --config configs/gpt2-124m.yaml compute.recompute=block --no-probe",
      "  spark-submit --executor-memory 8g --class dev.firesteel.spark.Firesteel firesteel.jar \\",
      "      plan --config my.yaml"
    })
public final class PlanCommand implements Callable<Integer> {
  private static final Duration PROBE = Duration.ofSeconds(3);

  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments arguments;

  @Option(
      names = "--stage",
      defaultValue = "pretrain",
      description = "The stage to plan: pretrain (default), sft, reward, dpo, ppo or grpo.")
  private String stage;

  @Option(names = "--json", description = "One JSON object instead of text.")
  private boolean json;

  @Option(
      names = "--no-probe",
      description = "Do not time matmuls on this machine; no time is estimated then.")
  private boolean noProbe;

  @Override
  public Integer call() {
    StageConfig given = load();
    SparkConf spark = new SparkConf();
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(spark);
    TrainerProcess process = TrainerProcess.of(spark);
    PlannedData data = PlannedData.of(given, hadoop);
    StageConfig config = data.resolveSteps(given, hadoop);
    StageInputs inputs = Stages.inputs(config, hadoop);
    RunPlan plan = process.plan(config, data.vocabularySize(), inputs);
    PlanText.Rates rates = noProbe ? null : probe(config, spark);
    Double flopsPerSecond = rates == null ? null : rates.matmuls();
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(json(new PlanText.Document(plan, data, process.heapBytes(), flopsPerSecond)));
    } else {
      PlanText.lines(plan, config, data, rates).forEach(out::println);
      process.warning(plan, config, data.vocabularySize(), inputs).ifPresent(out::println);
    }
    return 0;
  }

  private StageConfig load() {
    return Stages.roots().stream()
        .filter(root -> StageConfig.stageOf(root).equals(stage))
        .findFirst()
        .map(this::load)
        .orElseThrow(
            () ->
                UserException.usage(
                    "--stage must be one of %s, got %s"
                        .formatted(
                            Stages.roots().stream()
                                .map(StageConfig::stageOf)
                                .collect(Collectors.joining(", ")),
                            stage)));
  }

  @SuppressWarnings("unchecked") // Every root is a record.
  private <C extends Record & StageConfig> StageConfig load(Class<? extends StageConfig> root) {
    return arguments.load((Class<C>) root);
  }

  private static PlanText.Rates probe(StageConfig config, SparkConf spark) {
    try (Backend backend =
        Backends.create(TrainTask.options(config.compute(), List.of(), TrainTask.cores(spark)))) {
      double decoding =
          config instanceof RlConfig rl
              ? ThroughputProbe.decodingFlopsPerSecond(
                  backend, config, rl.rollouts().batch(), PROBE.dividedBy(3))
              : Double.NaN;
      return new PlanText.Rates(ThroughputProbe.flopsPerSecond(backend, config, PROBE), decoding);
    }
  }

  private static String json(PlanText.Document document) {
    try {
      return JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build()
          .writeValueAsString(document);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }
}

package dev.firesteel.spark.cli;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.Pipeline;
import dev.firesteel.config.PipelineEvaluation;
import dev.firesteel.config.PipelineLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.pipeline.Comparison;
import dev.firesteel.pipeline.PipelinePlan;
import dev.firesteel.pipeline.PipelineRecord;
import dev.firesteel.pipeline.PipelineReport;
import dev.firesteel.run.SavedModel;
import dev.firesteel.spark.executor.TrainTask;
import dev.firesteel.spark.prepare.ExampleJob;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.stage.ScoredAnswer;
import dev.firesteel.stage.Stages;
import dev.firesteel.train.ExampleData;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pipeline}: trains stages one after the other and compares their models. */
@Command(
    name = "pipeline",
    description =
        "Trains the stages of a pipeline one after the other, each from the models of earlier ones,"
            + " and compares them on the same prompts. Stages that are finished are left as they"
            + " are, and one that was stopped resumes from its last checkpoint.",
    footer = {
      "",
      "Ctrl-C or SIGTERM saves a checkpoint and exits with code 130; the same command resumes.",
      "",
      "Examples:",
      "  ./firesteel pipeline --config configs/tales/pipeline.yaml --dry-run",
      "  ./firesteel pipeline --config configs/tales/pipeline.yaml",
      "  ./firesteel pipeline --config configs/tales/pipeline.yaml name=weak \\",
      "      ppo.kl.coefficient=0.001 evaluation.samples=8"
    })
public final class PipelineCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      required = true,
      description = "The pipeline: a YAML file, see docs/pipeline.md.")
  private Path file;

  @Option(
      names = "--dry-run",
      description = "Check all stages, show what would be trained, and train nothing.")
  private boolean dryRun;

  @Parameters(
      paramLabel = "key.path=value",
      arity = "0..*",
      description =
          "Keys that win over those of the files: of the pipeline, or of a stage after its name"
              + " (ppo.kl.coefficient=0.1).")
  private List<String> overrides = new ArrayList<>();

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Pipeline pipeline = PipelineLoader.load(file, overrides, Stages.roots());
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(new SparkConf());
    PipelineRecord record = PipelineRecord.open(pipeline.config(), hadoop);
    Stages.check(pipeline.config().evaluation());
    PipelinePlan plan = plan(pipeline, record, hadoop);
    table(plan).forEach(out::println);
    if (dryRun) {
      return 0;
    }
    try (SparkSessions.OpenSession open =
        SparkSessions.open("pipeline " + pipeline.config().name(), Map.of())) {
      TrainingPlugin.driver().pageUrl().ifPresent(url -> out.println("Live page: " + url));
      requireSources(open.session(), pipeline, plan, out);
      return run(open.session(), pipeline, record, plan, out);
    }
  }

  private static PipelinePlan plan(Pipeline pipeline, PipelineRecord record, Configuration hadoop) {
    return PipelinePlan.of(pipeline, record, hadoop, Stages::check);
  }

  private static int run(
      SparkSession spark,
      Pipeline pipeline,
      PipelineRecord record,
      PipelinePlan first,
      PrintWriter out) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    PipelinePlan plan = first;
    int count = plan.stages().size();
    for (int i = 0; i < count; i++) {
      PipelinePlan.Stage stage = plan.stages().get(i);
      String line = "Stage %d of %d, %s: ".formatted(i + 1, count, stage.name());
      if (stage.state() == PipelinePlan.State.FINISHED) {
        out.println(line + stage.progress());
        continue;
      }
      out.println(line + described(stage) + ", " + stage.progress());
      int exitCode = train(spark, stage, plan, record, out);
      plan = plan(pipeline, record, hadoop);
      PipelineReport.write(pipeline, plan, record);
      if (exitCode != 0) {
        return exitCode;
      }
    }
    if (pipeline.config().evaluation().isWanted()) {
      compare(spark, pipeline, record, plan, out);
    }
    out.println("Report: " + PipelineReport.write(pipeline, plan, record));
    return 0;
  }

  private static int train(
      SparkSession spark,
      PipelinePlan.Stage stage,
      PipelinePlan plan,
      PipelineRecord record,
      PrintWriter out) {
    record.begin(stage.name(), plan.identities(stage));
    long began = System.nanoTime();
    try {
      return PipelineLoader.named(
          stage.name(), () -> StageTraining.run(spark, stage.config(), out));
    } finally {
      record.took(stage.name(), secondsSince(began));
    }
  }

  /** Before the first stage: hours of training must not end at a file that is not there. */
  private static void requireSources(
      SparkSession spark, Pipeline pipeline, PipelinePlan plan, PrintWriter out) {
    for (PipelinePlan.Stage stage : plan.stages()) {
      if (stage.state() != PipelinePlan.State.FINISHED
          && stage.config() instanceof ExampleStageConfig examples) {
        PipelineLoader.named(
            stage.name(), () -> requireSource(spark, examples.data().source(), out));
      }
    }
    PipelineEvaluation evaluation = pipeline.config().evaluation();
    if (evaluation.isWanted()) {
      PipelineLoader.named("evaluation", () -> requireSource(spark, evaluation.prompts(), out));
    }
  }

  private static boolean requireSource(SparkSession spark, String source, PrintWriter out) {
    ExampleJob.requireSource(spark, source, out::println);
    return true;
  }

  /** Has all models answer the prompts, except those whose answers are there. */
  private static void compare(
      SparkSession spark,
      Pipeline pipeline,
      PipelineRecord record,
      PipelinePlan plan,
      PrintWriter out) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    PipelineEvaluation settings = pipeline.config().evaluation();
    ExampleStageConfig config = plan.prompts();
    ExampleJob.run(spark, config, false, out::println);
    ExampleData prompts =
        ExampleData.open(new org.apache.hadoop.fs.Path(config.dataFolder()), hadoop);
    Comparison comparison =
        Comparison.open(record.folder(), settings.hash(), prompts.sha256(), settings.samples());
    SparkConf conf = spark.sparkContext().conf();
    for (PipelinePlan.Stage stage : plan.answering()) {
      String identity = stage.last().orElseThrow().identity();
      if (comparison.has(stage.name(), identity)) {
        continue;
      }
      out.println(
          "Evaluation: %s answers %d prompts, %d times each"
              .formatted(stage.name(), prompts.train().size(), settings.samples()));
      comparison.add(
          PipelineLoader.named(
              stage.name(), () -> answers(stage, identity, prompts, settings, conf, hadoop)));
    }
    comparison.lines().forEach(out::println);
  }

  private static Comparison.Model answers(
      PipelinePlan.Stage stage,
      String identity,
      ExampleData prompts,
      PipelineEvaluation settings,
      SparkConf conf,
      Configuration hadoop) {
    long began = System.nanoTime();
    StageConfig config = stage.config();
    try (Backend backend =
            Backends.create(TrainTask.options(config.compute(), List.of(), TrainTask.cores(conf)));
        SavedModel saved =
            SavedModel.open(stage.last().orElseThrow().directory(), hadoop, backend);
        ArrayPool pool = new ArrayPool(backend)) {
      if (!saved.tokenizer().sha256().equals(prompts.tokenizer().sha256())) {
        throw UserException.usage(
            "all models that are compared must have the same tokenizer, got another one in %s: leave the evaluation out, or train all stages from one model"
                .formatted(saved.directory()));
      }
      List<ScoredAnswer> answers = ScoredAnswer.of(saved.model(), prompts, settings, pool);
      return new Comparison.Model(stage.name(), identity, secondsSince(began), answers);
    }
  }

  private static double secondsSince(long began) {
    return (System.nanoTime() - began) / 1e9;
  }

  private static String described(PipelinePlan.Stage stage) {
    return stage.config().stage()
        + (stage.sources().isEmpty() ? "" : " from " + String.join(" and ", stage.sources()))
        + ", "
        + stage.length();
  }

  /** The stages with aligned columns. */
  private static List<String> table(PipelinePlan plan) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("stage", "kind", "from", "length", "state"));
    for (PipelinePlan.Stage stage : plan.stages()) {
      rows.add(
          List.of(
              stage.name(),
              stage.config().stage(),
              stage.sources().isEmpty() ? "-" : String.join(", ", stage.sources()),
              stage.length(),
              stage.progress()));
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        int width = rows.stream().mapToInt(one -> one.get(at).length()).max().orElseThrow();
        line.append(row.get(column)).append(" ".repeat(width - row.get(column).length() + 2));
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }
}

package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.DocumentCounts;
import dev.firesteel.data.DatasetManifest.Inputs;
import dev.firesteel.data.DatasetManifest.SplitInfo;
import dev.firesteel.data.DatasetManifest.TokenizerInfo;
import dev.firesteel.data.ShardWriter;
import dev.firesteel.data.TokenEncoding;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.stage.Stages;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.ProgressLine;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingData;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/**
 * nanoGPT's CPU recipe, {@code configs/shakespeare-char.yaml}, once for each seed: the validation
 * loss after 2000 steps must be 1.90 +- 0.04, where nanoGPT's own runs end. A seed may be followed
 * by {@code :bf16}; then its loss must also be within 0.01 of that of the same seed in fp32, where
 * that was run before. Runs without Spark, so that it measures the trainer alone.
 *
 * <pre>{@code
 * ./mvnw -q -Pnanogpt -pl benchmarks -am verify -DskipTests \
 *     -Dtext=../shared/data/tinyshakespeare.txt -Dseeds="1337 1337:bf16 1 1:bf16"
 * }</pre>
 */
public final class NanoGptCpuRecipe {
  /** nanoGPT's split of the text, {@code data/shakespeare_char/prepare.py}. */
  private static final double TRAINING_SHARE = 0.9;

  private static final double EXPECTED = 1.90;
  private static final double TOLERANCE = 0.04;
  private static final double PRECISION_TOLERANCE = 0.01;

  private NanoGptCpuRecipe() {}

  /** Trains; the arguments are the configuration, the text, the folder to write to, seeds. */
  public static void main(String[] arguments) throws IOException {
    Path config = Path.of(arguments[0]);
    Path folder = Path.of(arguments[2]);
    Path data = folder.resolve("data");
    prepare(Files.readString(Path.of(arguments[1])), data);
    List<String> summary = new ArrayList<>();
    boolean reached = true;
    Map<String, Double> fp32 = new HashMap<>();
    for (int i = 3; i < arguments.length; i++) {
      String seed = arguments[i].split(":", -1)[0];
      boolean bf16 = arguments[i].endsWith(":bf16");
      PretrainConfig run =
          ConfigLoader.load(
              PretrainConfig.class,
              config,
              List.of(
                  "name=seed-" + seed + (bf16 ? "-bf16" : ""),
                  "seed=" + seed,
                  "compute.precision=" + (bf16 ? "bf16" : "fp32"),
                  "data.path=" + data,
                  "runs_folder=" + folder));
      List<String> losses = new ArrayList<>();
      long start = System.nanoTime();
      double last = train(run, losses);
      summary.add(
          String.format(
              Locale.ROOT,
              "seed %s, %s: validation loss %s; %.0f s",
              seed,
              bf16 ? "bf16" : "fp32",
              String.join(" ", losses),
              (System.nanoTime() - start) / 1e9));
      reached &= Math.abs(last - EXPECTED) <= TOLERANCE;
      if (bf16 && fp32.containsKey(seed)) {
        reached &= Math.abs(last - fp32.get(seed)) <= PRECISION_TOLERANCE;
      } else if (!bf16) {
        fp32.put(seed, last);
      }
    }
    summary.forEach(System.out::println);
    if (!reached) {
      throw new AssertionError(
          "a run missed "
              + EXPECTED
              + " +- "
              + TOLERANCE
              + ", or bf16 the loss of fp32 +- "
              + PRECISION_TOLERANCE);
    }
  }

  /** A measurement starts anew: it does not go on from what an earlier one left. */
  private static void deleteEarlier(RunDirectory run, Configuration hadoop) {
    try {
      run.path().getFileSystem(hadoop).delete(run.path(), true);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static double train(PretrainConfig config, List<String> losses) {
    Configuration hadoop = new Configuration();
    RunDirectory run = RunDirectory.of(config, hadoop);
    deleteEarlier(run, hadoop);
    double[] last = new double[1];
    TrainingListener evaluations =
        event -> {
          if (event instanceof TrainingEvent.Evaluated evaluated) {
            losses.add(
                String.format(
                    Locale.ROOT,
                    "%d: %.4f",
                    evaluated.step(),
                    evaluated.measures().get(Metrics.VALIDATION_LOSS).orElseThrow()));
            last[0] = evaluated.measures().get(Metrics.VALIDATION_LOSS).orElseThrow();
          }
        };
    ProgressLine progress = new ProgressLine(System.out, false);
    try (Backend backend = Backends.create(config.compute().options(0, config.compute().device()));
        TrainingRun training =
            Stages.pretrain(
                config,
                TrainingData.open(new org.apache.hadoop.fs.Path(config.data().path()), hadoop),
                new TrainingContext(
                    backend,
                    new SingleProcess(),
                    run,
                    TrainingListener.all(
                        progress,
                        evaluations,
                        RunReport.atEndOf(
                            run,
                            progress,
                            Duration.ofSeconds(config.checkpoint().timeoutSeconds()))),
                    new RankListener() {},
                    new StopSignal()))) {
      training.run();
    }
    return last[0];
  }

  private static void prepare(String text, Path folder) throws IOException {
    Files.createDirectories(folder);
    Tokenizer tokenizer = CharTokenizer.train(List.of(text).iterator());
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer.toJson());
    int cut = (int) (TRAINING_SHARE * text.length());
    org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(folder.toString());
    Configuration hadoop = new Configuration();
    FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
    new DatasetManifest(
            DatasetManifest.VERSION,
            "tinyshakespeare",
            "",
            new Inputs(1, text.length(), ""),
            new TokenizerInfo("tokenizer.json", tokenizer.sha256(), tokenizer.vocabularySize()),
            TokenEncoding.UINT16,
            "tail",
            new DocumentCounts(2, 0, 0, 0, 0, 0, 2),
            write(fs, path, "train-00000", tokenizer, text.substring(0, cut)),
            write(fs, path, "validation-00000", tokenizer, text.substring(cut)))
        .write(path, hadoop);
  }

  private static SplitInfo write(
      FileSystem fs,
      org.apache.hadoop.fs.Path folder,
      String name,
      Tokenizer tokenizer,
      String text)
      throws IOException {
    try (ShardWriter writer = new ShardWriter(fs, folder, name, TokenEncoding.UINT16)) {
      int[] tokens = tokenizer.encode(text);
      writer.add(tokens);
      return new SplitInfo(
          1, tokens.length, text.getBytes(StandardCharsets.UTF_8).length, List.of(writer.finish()));
    }
  }
}

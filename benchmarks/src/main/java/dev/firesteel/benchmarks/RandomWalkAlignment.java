package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.data.ExampleFolder;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.generate.Rollout;
import dev.firesteel.generate.RolloutListener;
import dev.firesteel.generate.RolloutOptions;
import dev.firesteel.generate.Rollouts;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.Models;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import dev.firesteel.stage.Stages;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingRun;
import dev.firesteel.walks.RandomWalks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/**
 * The stages sft, ppo and grpo on {@link RandomWalks}, whose optimum is known exactly, as whole
 * runs: fine-tuning must imitate uniform walks, PPO, GRPO and RLOO must find the shortest ones, and
 * how far PPO ends from the optimum of reward and KL is measured. Runs without Spark.
 *
 * <pre>{@code
 * ./mvnw -q -Pwalks -pl benchmarks -am verify -DskipTests \
 *     -Dbenchmark="ppo,grpo,rloo,optimum 1,2,3"
 * }</pre>
 *
 * The arguments are experiments and seeds; {@code optimum} uses the first seed alone, and {@code
 * optimum:0.25} a single coefficient. Runs that are there already are not repeated: delete {@code
 * benchmarks/target/walks} first.
 */
public final class RandomWalkAlignment {
  private static final Configuration HADOOP = new Configuration();

  /** Samples of each start, from which rewards and KL are estimated. */
  private static final int SAMPLES = 500;

  private static final int ROWS = 200;
  private static final double EXPECTED = 0.95;
  private static final double[] COEFFICIENTS = {0.1, 0.25, 0.5, 1};

  /** With smaller coefficients the optimum is further from the reference. */
  private static final double FAR = 0.5;

  private final Path folder;

  private RandomWalkAlignment(Path folder) {
    this.folder = folder;
  }

  /** Runs experiments; the arguments are the folder to write to, experiments and seeds. */
  public static void main(String[] arguments) throws IOException {
    List<String> experiments = List.of(arguments[1].split(",", -1));
    RandomWalkAlignment walks = new RandomWalkAlignment(Path.of(arguments[0]).toAbsolutePath());
    boolean first = true;
    for (String seed : arguments[2].split(",", -1)) {
      walks.fineTune(seed);
      for (String experiment : experiments) {
        if (experiment.equals("optimum")) {
          for (double beta : first ? COEFFICIENTS : new double[0]) {
            walks.approach(seed, beta);
          }
        } else if (experiment.startsWith("optimum:")) {
          walks.approach(seed, Double.parseDouble(experiment.substring("optimum:".length())));
        } else {
          walks.optimize(experiment, seed);
        }
      }
      first = false;
    }
  }

  private Path of(String name) {
    return folder.resolve(name);
  }

  private static org.apache.hadoop.fs.Path hadoop(Path path) {
    return new org.apache.hadoop.fs.Path(path.toUri());
  }

  /** Trains the reference: GPT-2 with 2 layers of width 64 on 1000 walks. */
  private void fineTune(String seed) throws IOException {
    ExampleFolder.write(
        hadoop(of("walks")),
        ExampleKind.SFT,
        RandomWalks.tokenizer(),
        RandomWalks.examples(1000, 1000),
        List.of(),
        HADOOP);
    ExampleFolder.write(
        hadoop(of("prompts")),
        ExampleKind.PROMPT,
        RandomWalks.tokenizer(),
        RandomWalks.prompts(1),
        List.of(),
        HADOOP);
    writeBase(Long.parseLong(seed));
    SftConfig config =
        config(
            SftConfig.class,
            "name=" + reference(seed),
            "seed=" + seed,
            "data.path=" + of("walks"),
            "model.from=" + of("base-" + seed),
            "training.steps=600",
            "training.micro_batch_size=100",
            "training.global_batch_size=100",
            "training.sequence_length=" + RandomWalks.MAX_NODES,
            "batching.packing=none",
            "optimizer.learning_rate=0.001");
    double seconds = train(config);
    List<JsonNode> rows = rows(config);
    Result result = measure(config, config);
    print(
        "sft, seed %s: loss %.3f; E[r] %.3f (uniform walks %.3f), greedy %.3f; %.0f s",
        seed,
        rows.get(rows.size() - 1).path("loss").asDouble(),
        result.reward(),
        RandomWalks.uniform().reward(),
        result.greedy(),
        seconds);
  }

  private void writeBase(long seed) throws IOException {
    ModelConfig config =
        ConfigLoader.load(
                SftConfig.class,
                List.of(
                    "data.source=none",
                    "model.from=none",
                    "model.layers=2",
                    "model.width=64",
                    "model.heads=4",
                    "model.dropout=0",
                    "model.context_length=16"))
            .model()
            .forTokenizer(RandomWalks.VOCABULARY);
    org.apache.hadoop.fs.Path path = hadoop(of("base-" + seed));
    try (Backend backend = new ReferenceBackend();
        LanguageModel model = Models.create(config, backend, DType.F32, seed)) {
      ModelDirectory.write(
          new CheckpointWriter(
              HadoopFiles.fileSystem(path, HADOOP), path, Attempt.unfenced(), () -> {}),
          model,
          RandomWalks.tokenizer(),
          ConfigLoader.load(SftConfig.class, List.of("data.source=none", "model.from=none"))
              .sample());
    }
  }

  private static String reference(String seed) {
    return "sft-" + seed;
  }

  /** Thirty steps of 128 completions, in 4 passes of 2 minibatches. */
  private void optimize(String experiment, String seed) throws IOException {
    ExampleStageConfig config =
        switch (experiment) {
          case "ppo" ->
              ppo(
                  experiment + "-" + seed,
                  seed,
                  "rollouts.prompts=128",
                  "training.steps=30",
                  "training.global_batch_size=64",
                  "schedule.kind=constant",
                  "kl.coefficient=0.05");
          case "grpo" -> grpo(experiment, seed, "grpo.estimator=grpo", "kl.coefficient=0.05");
          case "rloo" ->
              grpo(
                  experiment,
                  seed,
                  "grpo.estimator=rloo",
                  "kl={place: reward, estimator: k1, coefficient: 0.05}");
          default ->
              throw new IllegalArgumentException(
                  "experiments are ppo, grpo, rloo and optimum, got " + experiment);
        };
    double seconds = train(config);
    Result result = measure(config, referenceOf(seed));
    List<JsonNode> rows = rows(config);
    double best = 0;
    for (JsonNode row : rows) {
      best = Math.max(best, row.path("reward").asDouble());
    }
    print(
        "%s, seed %s: E[r] %.3f, greedy %.3f, KL %.3f after %d steps (%s); best step %.3f; %.0f s",
        experiment,
        seed,
        result.reward(),
        result.greedy(),
        result.kl(),
        config.training().steps(),
        result.reward() >= EXPECTED && result.greedy() >= EXPECTED ? "reached" : "missed",
        best,
        seconds);
  }

  /**
   * Towards the optimum of a KL coefficient: many completions, one pass, small rates that fall to
   * 0, and advantages as they are. Whitened, those near the optimum would be noise of variance 1.
   */
  private void approach(String seed, double beta) throws IOException {
    PpoConfig config =
        ppo(
            "optimum-" + beta,
            seed,
            "rollouts.prompts=512",
            "training.steps=300",
            "training.micro_batch_size=128",
            "training.global_batch_size=512",
            "update.epochs=1",
            "optimizer.learning_rate=" + (beta < FAR ? 2e-4 : 1e-4),
            "schedule.kind=linear",
            "ppo.whiten_advantages=false",
            "ppo.value_learning_rate=1e-3",
            "ppo.value_warmup_steps=10",
            "ppo.lambda=1",
            "kl.coefficient=" + beta);
    double seconds = train(config);
    Result result = measure(config, referenceOf(seed));
    RandomWalks.Exact exact = RandomWalks.optimum(beta);
    double[] tilted = tilted(referenceOf(seed), beta);
    print(
        "ppo, beta %s: E[r] %.3f, KL %.3f, objective %.3f; exact %.3f, %.3f, %.3f;"
            + " of this reference %.3f, %.3f, %.3f; %.0f s",
        beta,
        result.reward(),
        result.kl(),
        result.reward() - beta * result.kl(),
        exact.reward(),
        exact.kl(),
        exact.objective(),
        tilted[0],
        tilted[1],
        tilted[0] - beta * tilted[1],
        seconds);
  }

  private PpoConfig ppo(String name, String seed, String... more) {
    return config(PpoConfig.class, settings(name, seed, more));
  }

  private GrpoConfig grpo(String name, String seed, String... more) {
    return config(
        GrpoConfig.class,
        settings(
            name + "-" + seed,
            seed,
            Stream.concat(
                    Stream.of(
                        "rollouts.prompts=16",
                        "rollouts.group_size=8",
                        "training.steps=30",
                        "training.global_batch_size=64",
                        "update.epochs=4",
                        "schedule.kind=constant"),
                    Arrays.stream(more))
                .toArray(String[]::new)));
  }

  private String[] settings(String name, String seed, String... more) {
    return Stream.concat(
            Stream.of(
                "name=" + name,
                "seed=" + seed,
                "data.path=" + of("prompts"),
                "model.from=" + of(reference(seed)),
                "rewards.functions=" + RandomWalks.Reward.class.getName(),
                "rollouts.batch=128",
                "rollouts.max_tokens=" + RandomWalks.MAX_COMPLETION,
                "training.micro_batch_size=64",
                "training.sequence_length=" + RandomWalks.MAX_NODES,
                "optimizer.learning_rate=3e-4",
                "optimizer.epsilon=1e-5"),
            Arrays.stream(more))
        .toArray(String[]::new);
  }

  private <C extends Record & ExampleStageConfig> C config(Class<C> root, String... settings) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "data.source=none",
                "runs_folder=" + folder,
                "compute.threads=1", // the model is small
                "sample.every=0",
                "checkpoint.every=0",
                "evaluation.every=0"));
    all.addAll(Arrays.asList(settings));
    return StartingModel.resolve(ConfigLoader.draft(root, all), HADOOP);
  }

  private SftConfig referenceOf(String seed) {
    return config(
        SftConfig.class,
        "name=" + reference(seed),
        "model.from=" + of("base-" + seed),
        "data.path=" + of("walks"));
  }

  /** Trains, unless the run is complete; returns the seconds it took. */
  private static double train(ExampleStageConfig config) {
    long began = System.nanoTime();
    try (Backend backend = Backends.create(config.compute().options(0, ""));
        TrainingRun run =
            Stages.open(
                config,
                new org.apache.hadoop.fs.Path(config.dataFolder()),
                HADOOP,
                new TrainingContext(
                    backend,
                    new SingleProcess(),
                    RunDirectory.of(config, HADOOP),
                    event -> {},
                    new RankListener() {},
                    new StopSignal()))) {
      run.run();
    }
    return (System.nanoTime() - began) / 1e9;
  }

  private static List<JsonNode> rows(ExampleStageConfig config) {
    return StepRows.parse(
        RunDirectory.of(config, HADOOP).read(RunDirectory.METRICS).orElseThrow(),
        RunDirectory.METRICS);
  }

  /** What a policy does, estimated from samples of each start; the KL in nats per walk. */
  private record Result(double reward, double greedy, double kl) {}

  private Result measure(ExampleStageConfig policy, ExampleStageConfig reference)
      throws IOException {
    try (Backend backend = Backends.create(policy.compute().options(0, ""));
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model = read(policy, backend);
        LanguageModel frozen = read(reference, backend)) {
      List<Rollout> samples = sample(model, pool, SAMPLES, 1);
      double[] mine = logProbs(model, pool, samples);
      double[] theirs = logProbs(frozen, pool, samples);
      double kl = 0;
      for (int i = 0; i < mine.length; i++) {
        kl += (mine[i] - theirs[i]) / mine.length;
      }
      return new Result(mean(samples), mean(sample(model, pool, 1, 0)), kl);
    }
  }

  private static double mean(List<Rollout> samples) {
    return samples.stream().mapToDouble(RandomWalkAlignment::reward).average().orElseThrow();
  }

  /**
   * Reward and KL of the best policy beside a reference, from samples of it: weights {@code
   * exp(reward / beta)} of the samples of each start.
   */
  private double[] tilted(ExampleStageConfig reference, double beta) throws IOException {
    try (Backend backend = Backends.create(reference.compute().options(0, ""));
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model = read(reference, backend)) {
      List<Rollout> samples = sample(model, pool, 4 * SAMPLES, 1);
      int starts = RandomWalks.starts().length;
      double reward = 0;
      double kl = 0;
      for (int start = 0; start < starts; start++) {
        double sum = 0;
        double rewards = 0;
        int count = 0;
        for (int i = start; i < samples.size(); i += starts) {
          double one = reward(samples.get(i));
          double weight = Math.exp(one / beta);
          sum += weight;
          rewards += weight * one;
          count++;
        }
        reward += rewards / sum / starts;
        kl += (rewards / sum / beta - Math.log(sum / count)) / starts;
      }
      return new double[] {reward, kl};
    }
  }

  private static LanguageModel read(ExampleStageConfig config, Backend backend) throws IOException {
    Checkpoint last =
        RunDirectory.of(config, HADOOP).checkpoints(notice -> {}).latest().orElseThrow();
    return ModelDirectory.read(
        FileSystem.getLocal(HADOOP), last.directory(), backend, notice -> {});
  }

  /** Walks, each start after the other, {@code times}; the most probable ones at 0. */
  private static List<Rollout> sample(
      LanguageModel model, ArrayPool pool, int times, double temperature) {
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      for (int start : RandomWalks.starts()) {
        prompts.add(RandomWalks.tokens(start));
      }
    }
    long[] indices = new long[prompts.size()];
    Arrays.setAll(indices, i -> i);
    int end = RandomWalks.tokenizer().endOfText().orElseThrow();
    return new Rollouts(
            model,
            pool,
            RandomWalks.VOCABULARY,
            new RolloutOptions(
                RandomWalks.MAX_COMPLETION, temperature, Set.of(end), ROWS, 20261129))
        .sample(prompts, indices, RolloutListener.NONE);
  }

  private static double reward(Rollout walk) {
    return RandomWalks.reward(
        RandomWalks.ofTokens(walk.prompt())[0], RandomWalks.ofTokens(walk.completion()));
  }

  /** The log-probability of each walk. */
  private static double[] logProbs(LanguageModel model, ArrayPool pool, List<Rollout> walks) {
    double[] sums = new double[walks.size()];
    for (int first = 0; first < sums.length; first += ROWS) {
      List<TrainedTokens> documents = new ArrayList<>();
      for (Rollout walk : walks.subList(first, Math.min(sums.length, first + ROWS))) {
        int[] tokens = Arrays.copyOf(walk.prompt(), walk.length());
        System.arraycopy(walk.completion(), 0, tokens, 1, tokens.length - 1);
        boolean[] actions = new boolean[tokens.length];
        Arrays.fill(actions, true);
        documents.add(new TrainedTokens(tokens, actions));
      }
      DocumentRows rows = DocumentRows.of(documents);
      double[] some =
          TokenGroups.rows(rows.targets(), rows.layout().tokens())
              .sums(
                  LogProbs.of(model, 1)
                      .compute(pool, rows.ids(), rows.targets(), rows.layout(), ROWS)
                      .logProbs());
      System.arraycopy(some, 0, sums, first, some.length);
    }
    return sums;
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}

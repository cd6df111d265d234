package dev.firesteel.benchmarks;

import dev.firesteel.random.RandomStream;
import dev.firesteel.scaling.Bootstrap;
import dev.firesteel.scaling.Estimate;
import dev.firesteel.scaling.ParametricFit;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.ParametricVariant;
import dev.firesteel.scaling.RefusedException;
import dev.firesteel.scaling.RunColumn;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How long the fits of scaling laws take, how Hipparchus's optimizers compare, and how often the
 * intervals of noisy runs cover the truth. From the repository's root:
 *
 * <pre>
 * ./mvnw -q -Pfits -pl benchmarks -am verify -DskipTests -Dbenchmark="../shared/data/chinchilla_epoch.csv 2"
 * </pre>
 *
 * <p>Arguments: Epoch AI's points of Hoffmann et al. 2022, and threads.
 */
public final class ScalingFits {
  private static final ParametricLaw TRUTH = new ParametricLaw(1.69, 406.4, 410.7, .34, .28);
  private static final int DROPPED = 5;
  private static final int RESAMPLES = 1000;
  private static final int TRIALS = 200;
  private static final int TRIAL_RESAMPLES = 200;

  /** Of the grid's 4,500 starts Hipparchus searches from each 9th. */
  private static final int STEP = 9;

  private static final String[] CONSTANTS = {"E", "A", "B", "alpha", "beta", "a"};

  private ScalingFits() {}

  /** Measures and prints Markdown. */
  public static void main(String... arguments) throws IOException, RefusedException {
    RunTable table = read(Path.of(arguments[0]));
    int threads = Integer.parseInt(arguments[1]);
    for (int round = 0; round < 2; round++) { // The first one compiles.
      speed(table, threads);
    }
    HipparchusFits.compare(table, STEP);
    for (double deviation : new double[] {0.001, 0.003, 0.01}) {
      coverage(deviation, threads);
    }
  }

  private static RunTable read(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    List<RunTable.Row> rows = new ArrayList<>();
    for (int i = 1; i < lines.size(); i++) {
      rows.add(new RunTable.Row(i + 1L, Arrays.asList(lines.get(i).split(",", -1))));
    }
    return RunTable.read(
            file.toString(),
            "line",
            List.of(lines.get(0).split(",", -1)),
            rows,
            Map.of(RunColumn.PARAMETERS, "Model Size", RunColumn.FLOPS, "Training FLOP"))
        .dropHighest(DROPPED);
  }

  private static void speed(RunTable table, int threads) throws RefusedException {
    long began = System.nanoTime();
    ParametricFit fit = ParametricFit.fit(table, ParametricVariant.FREE, threads);
    print(
        "DDogleg BFGS: %d runs, %d starts and variable projection, %d threads: %.2f s; sum %.15f, by projection %.15f, %d starts end there%n",
        table.size(),
        fit.starts(),
        threads,
        seconds(began),
        fit.objective(),
        fit.projectedObjective(),
        fit.startsAtOptimum());
    began = System.nanoTime();
    List<double[]> resamples =
        new Bootstrap(RESAMPLES, 1, threads)
            .resample(
                table,
                resample ->
                    constants(ParametricFit.refit(resample, ParametricVariant.FREE, fit.law())));
    print("%d resamples: %.2f s; standard errors", RESAMPLES, seconds(began));
    for (int i = 0; i < CONSTANTS.length; i++) {
      print(
          " %s %.4g", CONSTANTS[i], Estimate.of(0, Bootstrap.column(resamples, i)).standardError());
    }
    print("%n");
  }

  private static double[] constants(ParametricLaw law) {
    return new double[] {
      law.irreducible(), law.a(), law.b(), law.alpha(), law.beta(), law.parameterExponent()
    };
  }

  /** IsoFLOP runs of five budgets and 15 sizes with normal noise on log L. */
  private static void coverage(double deviation, int threads) throws RefusedException {
    int[] covered = new int[CONSTANTS.length];
    double[] truth = constants(TRUTH);
    long began = System.nanoTime();
    for (int trial = 0; trial < TRIALS; trial++) {
      RunTable table = noisy(deviation, trial);
      ParametricLaw law = ParametricFit.refit(table, ParametricVariant.FREE, TRUTH);
      List<double[]> resamples =
          new Bootstrap(TRIAL_RESAMPLES, trial, threads)
              .resample(
                  table,
                  resample ->
                      constants(ParametricFit.refit(resample, ParametricVariant.FREE, law)));
      for (int i = 0; i < truth.length; i++) {
        Estimate estimate = Estimate.of(0, Bootstrap.column(resamples, i));
        covered[i] += estimate.low() <= truth[i] && truth[i] <= estimate.high() ? 1 : 0;
      }
    }
    print(
        "noise of %.1f %%, %d trials of %d resamples, %.1f s: 95 %% intervals cover",
        100 * deviation, TRIALS, TRIAL_RESAMPLES, seconds(began));
    for (int i = 0; i < covered.length; i++) {
      print(" %s %.1f %%", CONSTANTS[i], 100.0 * covered[i] / TRIALS);
    }
    print("%n");
  }

  private static RunTable noisy(double deviation, long seed) {
    RandomStream random = RandomStream.of(seed, "noise");
    List<ScalingRun> runs = new ArrayList<>();
    for (int budget = 17; budget <= 21; budget++) {
      double flops = Math.pow(10, budget);
      for (int i = 0; i < 15; i++) {
        double parameters = TRUTH.optimum(flops).parameters() * Math.pow(8, i / 7.0 - 1);
        double tokens = flops / (ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN * parameters);
        runs.add(
            ScalingRun.of(
                runs.size() + 1L,
                parameters,
                tokens,
                TRUTH.loss(parameters, tokens) * Math.exp(deviation * random.nextGaussian())));
      }
    }
    return new RunTable("synthetic", RunTable.Derived.FLOPS, runs);
  }

  private static double seconds(long began) {
    return (System.nanoTime() - began) / 1e9;
  }

  static void print(String format, Object... values) {
    System.out.printf(Locale.ROOT, format, values);
  }
}

package dev.firesteel.scaling;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.random.RandomStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Tables of runs for the tests of this package. */
final class Runs {
  /** The constants of synthetic runs. */
  static final ParametricLaw LAW = new ParametricLaw(1.69, 406.4, 410.7, .34, .28);

  private Runs() {}

  /**
   * The points that Besiroglu et al. 2024 read off the figure of Hoffmann et al. 2022, without the
   * five highest losses; skips the test where they are absent.
   */
  static RunTable epoch() {
    return epochWithOutliers().dropHighest(5);
  }

  static RunTable epochWithOutliers() {
    // Two levels up: the working directory is the module.
    Path file = Path.of("../../shared/data/chinchilla_epoch.csv");
    assumeThat(file).as("test data chinchilla_epoch.csv is not on this machine").exists();
    try {
      List<String> lines = Files.readAllLines(file);
      List<RunTable.Row> rows = new ArrayList<>();
      for (int i = 1; i < lines.size(); i++) {
        String[] cells = lines.get(i).split(",", -1);
        if (!cells[3].startsWith("0.0")) {
          rows.add(new RunTable.Row(i + 1L, Arrays.asList(cells)));
        }
      }
      return RunTable.read(
          "chinchilla_epoch.csv",
          "line",
          List.of(lines.get(0).split(",")),
          rows,
          Map.of(RunColumn.PARAMETERS, "Model Size", RunColumn.FLOPS, "Training FLOP"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * IsoFLOP runs without noise: 15 sizes at each of the budgets 1e17 to 1e21, at equal ratios
   * around the optimum of the law.
   *
   * @param width largest and smallest size are the optimum times and divided by it
   */
  static RunTable isoFlop(ParametricLaw law, double width) {
    return isoFlop(law, width, 0, 0);
  }

  /** The same with normal noise of a deviation on log L. */
  static RunTable isoFlop(ParametricLaw law, double width, double deviation, long seed) {
    RandomStream random = RandomStream.of(seed, "noise");
    List<ScalingRun> runs = new ArrayList<>();
    for (int budget = 17; budget <= 21; budget++) {
      double flops = Math.pow(10, budget);
      double optimum = law.optimum(flops).parameters();
      for (int i = 0; i < 15; i++) {
        double parameters = optimum * Math.pow(width, i / 7.0 - 1);
        double tokens = flops / (6 * parameters);
        double noise = deviation == 0 ? 0 : deviation * random.nextGaussian();
        runs.add(
            ScalingRun.of(
                runs.size() + 2,
                parameters,
                tokens,
                law.loss(parameters, tokens) * Math.exp(noise)));
      }
    }
    return new RunTable("synthetic", RunTable.Derived.FLOPS, runs);
  }

  /** Eight sizes, each trained for six token counts, without noise. */
  static RunTable grid(ParametricLaw law) {
    List<ScalingRun> runs = new ArrayList<>();
    for (int size = 0; size < 8; size++) {
      for (int length = 0; length < 6; length++) {
        double parameters = 1e7 * Math.pow(2.5, size);
        double tokens = parameters * 2 * Math.pow(3, length);
        runs.add(ScalingRun.of(runs.size() + 2, parameters, tokens, law.loss(parameters, tokens)));
      }
    }
    return new RunTable("grid", RunTable.Derived.FLOPS, runs);
  }
}

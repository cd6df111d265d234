package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.opencl.OpenClBackend;
import dev.firesteel.backend.opencl.ProductTile;
import dev.firesteel.backend.opencl.ProductTiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The backend opencl on a device: what a launch costs, products of named shapes with each tile, and
 * training steps in turns with the backend cpu on all cores of this machine, with the bytes that
 * cross over. Products and steps also as shares of what the device's multiply-adds reach at best in
 * the same run ({@link OpenClBackend#peakFlopsPerSecond}).
 *
 * <pre>{@code
 * ./mvnw -q -Popencl -pl benchmarks -am verify -DskipTests -Dbenchmark="shapes=4.3M rounds=3"
 * }</pre>
 *
 * Settings: {@code device} as {@code compute.device}; {@code shapes}; {@code rounds}.
 */
final class OpenClBenchmark {
  private static final int LAUNCHES = 1000;

  /** M, K, N of {@code [M, K] x [N, K]}: a cube, and the layers of 4.3M and 124M. */
  private static final int[][] PRODUCTS = {
    {512, 512, 512}, {2048, 256, 1024}, {2048, 1024, 256}, {1024, 768, 3072}
  };

  private final Report report = new Report();
  private final int rounds;
  private double peak;

  private OpenClBenchmark(int rounds) {
    this.rounds = rounds;
  }

  public static void main(String[] args) {
    Settings settings = Settings.of(Map.of("device", "", "shapes", "4.3M", "rounds", "5"), args);
    String device = settings.text("device");
    OpenClBenchmark benchmark = new OpenClBenchmark(settings.number("rounds"));
    benchmark.report.line("%s%n", Machine.describe());
    try (OpenClBackend backend = OpenClBackend.tuned(device)) {
      benchmark.report.line("%s; tiles: %s%n", backend.description(), backend.tiles());
      benchmark.launches(backend);
      benchmark.peak = backend.peakFlopsPerSecond() * 1e-9;
      benchmark.report.line("Multiply-adds at best: %.1f GFLOP/s%n", benchmark.peak);
      benchmark.products(backend);
    }
    benchmark.report.line(
        "%n| shape | backend | tokens/s, median | min..max | GFLOP/s | share of the device's peak"
            + " | ratio to cpu, median (min..max) | launches/step | KB up/step | KB down/step | loss of the last step |");
    benchmark.report.line("|---|---|---|---|---|---|---|---|---|---|---|");
    for (String shape : settings.list("shapes")) {
      benchmark.steps(TrainingShape.of(shape), device);
    }
  }

  private void launches(OpenClBackend backend) {
    NdArray x = array(backend, 16);
    List<Double> micros = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      long start = System.nanoTime();
      for (int n = 0; n < LAUNCHES; n++) {
        backend.fill(x, n);
      }
      micros.add((System.nanoTime() - start) * 1e-3 / LAUNCHES);
    }
    report.line(
        "A launch on 16 elements: %.0f us (%s)%n",
        Report.median(micros), Report.range(micros, "%.0f"));
  }

  private void products(OpenClBackend backend) {
    report.line("| M | K | N | tile | forward GFLOP/s | input gradient | weight gradient |");
    report.line("|---|---|---|---|---|---|---|");
    ProductTiles chosen = backend.tiles();
    for (int[] p : PRODUCTS) {
      NdArray x = array(backend, p[0], p[1]);
      NdArray w = array(backend, p[2], p[1]);
      NdArray y = array(backend, p[0], p[2]);
      double flops = 2.0 * p[0] * p[1] * p[2];
      for (ProductTile tile : ProductTile.values()) {
        backend.use(ProductTiles.all(tile));
        report.line(
            "| %d | %d | %d | %d | %s | %s | %s |",
            p[0],
            p[1],
            p[2],
            tile.side(),
            rate(flops, () -> backend.products().linear(x, w, null, Activation.IDENTITY, null, y)),
            rate(flops, () -> backend.products().linearBackwardInput(y, w, x, Write.SET)),
            rate(flops, () -> backend.products().linearBackwardWeight(y, x, w, Write.SET)));
      }
    }
    backend.use(chosen);
  }

  private String rate(double flops, Runnable product) {
    product.run();
    List<Double> rates = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      long start = System.nanoTime();
      product.run();
      rates.add(flops / (System.nanoTime() - start));
    }
    double median = Report.median(rates);
    return String.format(
        Locale.ROOT,
        "%.1f (%s), %.0f %% of peak",
        median,
        Report.range(rates, "%.1f"),
        100 * median / peak);
  }

  private void steps(TrainingShape shape, String device) {
    OpenClBackend onDevice = OpenClBackend.tuned(device);
    Backend onCpu =
        Backends.create(
            new BackendOptions(
                BackendKind.CPU, Precision.FP32, Runtime.getRuntime().availableProcessors()));
    try (FiresteelStep theirs = new FiresteelStep(shape, onCpu);
        FiresteelStep ours = new FiresteelStep(shape, onDevice)) {
      List<Double> cpu = new ArrayList<>();
      List<Double> opencl = new ArrayList<>();
      List<Double> ratios = new ArrayList<>();
      long launches = 0;
      long up = 0;
      long down = 0;
      double cpuLoss = 0;
      double loss = 0;
      for (int round = -1; round < rounds; round++) {
        long start = System.nanoTime();
        cpuLoss = theirs.step().loss();
        double cpuRate = shape.tokensPerStep() * 1e9 / (System.nanoTime() - start);
        launches = onDevice.launches();
        up = onDevice.bytesUploaded();
        down = onDevice.bytesDownloaded();
        start = System.nanoTime();
        loss = ours.step().loss();
        double rate = shape.tokensPerStep() * 1e9 / (System.nanoTime() - start);
        if (round >= 0) {
          cpu.add(cpuRate);
          opencl.add(rate);
          ratios.add(rate / cpuRate);
        }
      }
      row(shape, "cpu", cpu, " | 1 | | | ", cpuLoss);
      row(
          shape,
          "opencl",
          opencl,
          String.format(
              Locale.ROOT,
              "%.0f %% | %.3f (%s) | %d | %d | %d",
              100 * gigaflops(shape, opencl) / peak,
              Report.median(ratios),
              Report.range(ratios, "%.3f"),
              onDevice.launches() - launches,
              (onDevice.bytesUploaded() - up) >> 10,
              (onDevice.bytesDownloaded() - down) >> 10),
          loss);
    }
  }

  private void row(TrainingShape shape, String name, List<Double> rates, String rest, double loss) {
    report.line(
        "| %s | %s | %.1f | %s | %.1f | %s | %.6f |",
        shape.label(),
        name,
        Report.median(rates),
        Report.range(rates, "%.1f"),
        gigaflops(shape, rates),
        rest,
        loss);
  }

  /** The model's mathematics over the median step's time. */
  private static double gigaflops(TrainingShape shape, List<Double> tokensPerSecond) {
    return Report.median(tokensPerSecond) * shape.flopsPerToken() * 1e-9;
  }

  private static NdArray array(Backend backend, int... dims) {
    Shape shape = Shape.of(dims);
    NdArray array = new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
    backend.fill(array, 0.5);
    return array;
  }
}

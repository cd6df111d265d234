package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.Shard;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.nn.SwiGluMlp;
import dev.firesteel.random.RandomStream;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What all optimizers have in common; OptimizerGoldenTest shows their formulas. */
class OptimizersTest {
  /** So that matrices span buckets and ranks, and are sent in several pieces. */
  private static final int BUCKET = 2 * Shard.ALIGNMENT;

  private static final String GROUPS =
      "groups=[\"m*p.down.weight learning_rate_factor=0.5 weight_decay=0.2\", \"gain weight_decay=0.1\"]";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kind=adamw",
        "kind=lion",
        "kind=sgd",
        "kind=sgd momentum=0",
        "kind=sgd nesterov=true",
        "kind=adafactor",
        "kind=adafactor relative_step=true",
        "kind=muon",
        "kind=muon update_scale=adamw_rms nesterov=false",
      })
  void weightsAreThoseOfOneRank(String settings) throws Exception {
    List<String> all = new ArrayList<>(List.of(settings.split(" ", -1)));
    all.add(GROUPS);
    OptimizerConfig config = TestOptimizers.config(all.toArray(String[]::new));
    FloatBuffer alone = train(config, new SingleProcess());
    FloatBuffer before = train(config, 0, new SingleProcess());
    assertThat(alone).isNotEqualTo(before);
    for (int ranks : new int[] {2, 4}) {
      for (FloatBuffer rank : train(config, ranks)) {
        assertThat(rank).isEqualTo(alone);
      }
    }
  }

  private static List<FloatBuffer> train(OptimizerConfig config, int ranks) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<FloatBuffer>> futures = new ArrayList<>();
      for (Collective rank : ThreadCollective.world(ranks)) {
        futures.add(threads.submit(() -> train(config, rank)));
      }
      List<FloatBuffer> results = new ArrayList<>();
      for (Future<FloatBuffer> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }

  private static FloatBuffer train(OptimizerConfig config, Collective collective) {
    return train(config, 3, collective);
  }

  private static FloatBuffer train(OptimizerConfig config, int steps, Collective collective) {
    try (Backend backend = new ReferenceBackend()) {
      ParameterSet parameters = parameters(backend);
      parameters.initialize(1);
      GradientExchange exchange = new GradientExchange(parameters, collective, BUCKET);
      try (Optimizer optimizer = Optimizers.of(config, parameters, exchange);
          Segment gradients = parameters.newSegment()) {
        for (int step = 0; step < steps; step++) {
          fill(gradients, step, exchange.owned());
          optimizer.step(gradients, 0.01, 0.5);
          exchange.gather();
        }
      }
      float[] weights = new float[Math.toIntExact(parameters.segmentSize())];
      backend.download(parameters.weights().flat(), weights, 0);
      return FloatBuffer.wrap(weights);
    }
  }

  /** Gradients in the owned ranges, and others elsewhere, as after a reduce-scatter. */
  private static void fill(Segment gradients, int step, List<SegmentRange> owned) {
    Backend backend = gradients.parameters().backend();
    float[] all = new float[Math.toIntExact(gradients.parameters().segmentSize())];
    backend.fill(gradients.flat(), 0);
    for (Parameter parameter : gradients.parameters().parameters()) {
      RandomStream random = RandomStream.of(3, parameter.name(), step);
      for (int i = 0; i < parameter.size(); i++) {
        all[(int) parameter.offset() + i] = (float) (random.nextGaussian() * Math.exp(i % 3));
      }
    }
    for (Parameter parameter : gradients.parameters().parameters()) {
      backend.fill(gradients.view(parameter), 7);
    }
    for (SegmentRange range : owned) {
      NdArray part = gradients.range(range.begin(), range.end());
      backend.upload(all, (int) range.begin(), part);
    }
  }

  private static ParameterSet parameters(Backend backend) {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Initializer normal = Initializer.normal(0.02);
    declaration.declare("table", Shape.of(150, 150), normal).asTable();
    declaration.declare("wide", Shape.of(40, 441), normal);
    new SwiGluMlp(declaration, Projections.DENSE, "mlp", 60, 301, false, 0.02, normal);
    declaration.declare("gain", Shape.of(33), Initializer.constant(1));
    ParameterSet set = declaration.build();
    set.allocate(backend, DType.F32);
    return set;
  }

  @Test
  void theFirstMatchingGroupSetsRateAndDecay() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    for (String name : List.of("a.weight", "a.bias", "b.weight", "c.weight", "c.gain")) {
      boolean matrix = name.endsWith("weight");
      declaration.declare(name, matrix ? Shape.of(2, 2) : Shape.of(4), Initializer.constant(2));
    }
    ParameterSet parameters = declaration.build();
    try (Backend backend = new ReferenceBackend()) {
      parameters.allocate(backend, DType.F64);
      parameters.initialize(0);
      OptimizerConfig config =
          TestOptimizers.config(
              "kind=sgd",
              "momentum=0",
              "weight_decay=0.25",
              "groups=[a.* learning_rate_factor=3, \"*.weight weight_decay=0\", c.gain weight_decay=0.5]");
      try (Optimizer optimizer = Optimizers.of(config, parameters);
          Segment gradients = parameters.newSegment()) {
        for (Parameter parameter : parameters.parameters()) {
          backend.fill(gradients.view(parameter), 1);
        }
        optimizer.step(gradients, 0.1, 1);
        assertThat(optimizer.state()).isEmpty();
      }
      double[] want = {
        2 - 0.3 * (1 + 0.25 * 2), // Its factor, the default decay of matrices.
        2 - 0.3, // Its factor, no decay of vectors.
        2 - 0.1,
        2 - 0.1,
        2 - 0.1 * (1 + 0.5 * 2)
      };
      List<String> names = List.of("a.weight", "a.bias", "b.weight", "c.weight", "c.gain");
      for (int i = 0; i < want.length; i++) {
        double[] got = new double[4];
        backend.download(parameters.weights().view(parameters.parameter(names.get(i))), got, 0);
        for (double weight : got) {
          assertThat(weight).as(names.get(i)).isEqualTo(want[i], within(1e-14));
        }
      }
    }
  }

  @Test
  void aGroupWithoutParametersIsRefused() {
    try (Backend backend = new ReferenceBackend()) {
      ParameterSet parameters = parameters(backend);
      OptimizerConfig config = TestOptimizers.config("groups=head.* weight_decay=0");
      assertThatThrownBy(() -> Optimizers.of(config, parameters))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "optimizer.groups[0] must match the name of a parameter, got \"head.* weight_decay=0\":"
                  + " the names are table, wide, mlp.gate_up.weight, mlp.down.weight, gain");
    }
  }

  @Test
  void muonWithoutMatricesIsRefused() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    declaration.declare("table", Shape.of(4, 4), Initializer.constant(1)).asTable();
    declaration.declare("gain", Shape.of(4), Initializer.constant(1));
    ParameterSet parameters = declaration.build();
    try (Backend backend = new ReferenceBackend()) {
      parameters.allocate(backend, DType.F32);
      OptimizerConfig config = TestOptimizers.config("kind=muon");
      assertThatThrownBy(() -> Optimizers.of(config, parameters))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "optimizer.kind muon must have matrices of hidden layers to update, got a model without"
                  + " any: set optimizer.kind to adamw");
    }
  }

  @Test
  void newtonSchulzBringsSingularValuesNearOne() {
    try (Backend backend = new ReferenceBackend()) {
      for (Shape shape : List.of(Shape.of(5, 5), Shape.of(4, 9), Shape.of(9, 4))) {
        int rows = shape.dim(0);
        int columns = shape.dim(1);
        NdArray matrix = new NdArray(backend.allocate(DType.F64, shape.size()), 0, shape);
        double[] values = new double[rows * columns];
        RandomStream random = RandomStream.of(5, "matrix", rows, columns);
        for (int i = 0; i < values.length; i++) {
          values[i] = random.nextGaussian();
        }
        backend.upload(values, 0, matrix);
        try (NewtonSchulz iterations = new NewtonSchulz(backend, DType.F64, 5, List.of(shape))) {
          double[] result = new double[values.length];
          backend.download(iterations.orthogonal(matrix), result, 0);
          double squares = 0;
          for (double value : result) {
            squares += value * value;
          }
          // The squared Frobenius norm is the sum of the squared singular values.
          int side = Math.min(rows, columns);
          assertThat(squares / side).isBetween(0.6, 1.3);
        }
      }
    }
  }

  @Test
  void aZeroGradientChangesNothing() {
    for (String kind : List.of("adamw", "lion", "sgd", "adafactor", "muon")) {
      try (Backend backend = new ReferenceBackend()) {
        ParameterSet parameters = parameters(backend);
        parameters.initialize(1);
        float[] before = new float[(int) parameters.segmentSize()];
        backend.download(parameters.weights().flat(), before, 0);
        OptimizerConfig config = TestOptimizers.config("kind=" + kind, "weight_decay=0");
        try (Optimizer optimizer = Optimizers.of(config, parameters);
            Segment gradients = parameters.newSegment()) {
          optimizer.step(gradients, 0.1, 1);
        }
        float[] after = new float[before.length];
        backend.download(parameters.weights().flat(), after, 0);
        assertThat(after).as(kind).isEqualTo(before);
      }
    }
  }
}

package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.random.RandomStream;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GradientExchangeTest {
  private static final int SLOTS = 8;

  /** So that parameters span buckets, buckets hold several, and the last is short. */
  private static final int BUCKET = 2 * Shard.ALIGNMENT;

  private static final OptimizerConfig OPTIMIZER = new OptimizerConfig(0.1, 0.9, 0.95, 1e-8, 0.1);

  /** What a rank has after two steps. */
  private record Result(List<Double> norms, FloatBuffer weights, List<SegmentRange> owned) {}

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void normsAndWeightsAreThoseOfOneRank(int ranks) throws Exception {
    Result alone = train(new SingleProcess());
    for (Result rank : train(ranks)) {
      assertThat(rank.norms).isEqualTo(alone.norms);
      assertThat(rank.weights).isEqualTo(alone.weights);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 8})
  void eachElementHasOneOwner(int ranks) throws Exception {
    List<SegmentRange> owned = new ArrayList<>();
    train(ranks).forEach(rank -> owned.addAll(rank.owned));
    owned.sort(Comparator.comparingLong(SegmentRange::begin));
    long end = 0;
    for (SegmentRange range : owned) {
      assertThat(range.begin()).isEqualTo(end);
      end = range.end();
    }
    assertThat(end).isEqualTo(parameters(new ReferenceBackend()).segmentSize());
  }

  @Test
  void theNormIsThatOfTheWholeGradient() {
    try (Backend backend = new ReferenceBackend()) {
      ParameterSet parameters = parameters(backend);
      try (GradientAccumulator accumulator = new GradientAccumulator(parameters, SLOTS)) {
        GradientExchange exchange = new GradientExchange(parameters, new SingleProcess(), BUCKET);
        Segment gradients = accumulator.next();
        fill(gradients, 0, 0);
        exchange.begin(accumulator, gradients);
        parameters.parameters().forEach(each -> exchange.complete(gradients.view(each)));
        assertThat(exchange.norm()).isEqualTo(GradientClipping.norm(gradients)).isPositive();
      }
    }
  }

  private static List<Result> train(int ranks) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<Result>> futures = new ArrayList<>();
      for (Collective rank : ThreadCollective.world(ranks)) {
        futures.add(threads.submit(() -> train(rank)));
      }
      List<Result> results = new ArrayList<>();
      for (Future<Result> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }

  private static Result train(Collective collective) {
    try (Backend backend = new ReferenceBackend()) {
      ParameterSet parameters = parameters(backend);
      parameters.initialize(1);
      GradientExchange exchange = new GradientExchange(parameters, collective, BUCKET);
      List<Double> norms = new ArrayList<>();
      try (AdamW optimizer = new AdamW(parameters, OPTIMIZER, exchange.owned());
          GradientAccumulator accumulator = new GradientAccumulator(parameters, SLOTS)) {
        for (int step = 0; step < 2; step++) {
          accumulate(collective, parameters, exchange, accumulator, step);
          double norm = exchange.norm();
          norms.add(norm);
          optimizer.step(exchange.sum(), 0.1, new GradientClipping(1).scale(norm));
          exchange.gather();
        }
      }
      float[] weights = new float[Math.toIntExact(parameters.segmentSize())];
      backend.download(parameters.weights().flat(), weights, 0);
      return new Result(norms, FloatBuffer.wrap(weights), exchange.owned());
    }
  }

  private static void accumulate(
      Collective collective,
      ParameterSet parameters,
      GradientExchange exchange,
      GradientAccumulator accumulator,
      int step) {
    int share = Math.max(1, SLOTS / collective.worldSize());
    for (int i = 0; i < share; i++) {
      Segment gradients = accumulator.next();
      if (i + 1 < share) {
        fill(gradients, step, collective.rank() * share + i);
        accumulator.add(gradients);
      } else {
        exchange.begin(accumulator, gradients);
        fill(gradients, step, collective.rank() * share + i);
        List<Parameter> lastFirst = new ArrayList<>(parameters.trained());
        Collections.reverse(lastFirst);
        lastFirst.forEach(each -> exchange.complete(gradients.view(each)));
      }
    }
  }

  private static void fill(Segment gradients, int step, int slot) {
    Backend backend = gradients.parameters().backend();
    for (Parameter parameter : gradients.parameters().trained()) {
      NdArray view = gradients.view(parameter);
      RandomStream random = RandomStream.of(3, parameter.name(), step, slot);
      float[] values = new float[Math.toIntExact(view.size())];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (random.nextGaussian() * Math.exp(i % 7));
      }
      backend.upload(values, 0, view);
    }
  }

  @Test
  void frozenParametersAreNeitherExchangedNorUpdated() throws Exception {
    try (Backend backend = new ReferenceBackend()) {
      ParameterSet.Builder declaration = declaration(ParameterSet.builder());
      declaration.freeze(name -> name.equals("wide") || name.equals("gain"));
      ParameterSet parameters = declaration.build();
      parameters.allocate(backend, DType.F32);
      parameters.initialize(1);
      float[] frozen = values(parameters, "wide");
      float[] trained = values(parameters, "narrow");
      GradientExchange exchange = new GradientExchange(parameters, new SingleProcess(), BUCKET);
      try (AdamW optimizer = new AdamW(parameters, OPTIMIZER, exchange.owned());
          GradientAccumulator accumulator = new GradientAccumulator(parameters, SLOTS)) {
        accumulate(new SingleProcess(), parameters, exchange, accumulator, 0);
        assertThat(exchange.norm()).isEqualTo(GradientClipping.norm(exchange.sum()));
        optimizer.step(exchange.sum(), 0.1, 1);
        exchange.gather();
        assertThat(optimizer.state())
            .extracting(state -> state.array().size())
            .containsOnly(parameters.trainedSize());
      }
      assertThat(exchange.owned()).containsExactly(new SegmentRange(0, parameters.trainedSize()));
      assertThat(values(parameters, "wide")).isEqualTo(frozen);
      assertThat(values(parameters, "narrow")).isNotEqualTo(trained);
    }
  }

  @Test
  void aModelMustHaveSomethingToTrain() {
    try (Backend backend = new ReferenceBackend()) {
      ParameterSet.Builder declaration = declaration(ParameterSet.builder());
      declaration.freeze(name -> true);
      ParameterSet parameters = declaration.build();
      parameters.allocate(backend, DType.F32);
      assertThatThrownBy(() -> new GradientExchange(parameters, new SingleProcess()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a model that is trained must have a parameter that is not frozen, got none");
    }
  }

  private static float[] values(ParameterSet parameters, String name) {
    NdArray view = parameters.weights().view(parameters.parameter(name));
    float[] values = new float[Math.toIntExact(view.size())];
    parameters.backend().download(view, values, 0);
    return values;
  }

  private static ParameterSet.Builder declaration(ParameterSet.Builder declaration) {
    declaration.declare("wide", Shape.of(300, 301), Initializer.normal(0.02));
    declaration.declare("narrow", Shape.of(40, 41), Initializer.normal(0.02));
    declaration.declare("square", Shape.of(150, 150), Initializer.normal(0.02));
    declaration.declare("gain", Shape.of(33), Initializer.constant(1));
    return declaration;
  }

  private static ParameterSet parameters(Backend backend) {
    ParameterSet set = declaration(ParameterSet.builder()).build();
    set.allocate(backend, DType.F32);
    return set;
  }
}

package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.train.OpenClSupport;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LogProbsTest {
  private static final int B = 5;
  private static final int T = 7;
  private static final int V = 13;
  private static final double TEMPERATURE = 0.7;

  static Stream<ModelConfig> models() {
    return Stream.of(TestModels.gpt2(2, 16, 2, 9, V), TestModels.llama(2, 16, 4, 2, 24, 9, V))
        .map(config -> TestModels.withInitStd(config, 0.2));
  }

  private static int[] tokens(String name, int low) {
    RandomStream random = RandomStream.of(1, name);
    int[] ids = new int[B * T];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = low + random.nextInt(V - low);
    }
    return ids;
  }

  private static final RowLayout ROWS = RowLayout.whole(B, T);
  private static final int[] IDS = tokens("ids", 0);

  /** A quarter is ignored. */
  private static final int[] TARGETS = tokens("targets", -4);

  private static int[] rows(int[] all, int first, int end) {
    return Arrays.copyOfRange(all, first * T, end * T);
  }

  /** Before an update and within it, a policy has the same log-probabilities: ratio 1. */
  @ParameterizedTest
  @MethodSource("models")
  void bothFormsGiveTheSameBitsInMicroBatchesOfAnySize(ModelConfig config) {
    try (Backend backend = new CpuBackend(Precision.FP32, 2)) {
      requireSameBits(config, backend, true);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void bothFormsGiveTheSameBitsOnADevice(ModelConfig config) {
    OpenClSupport.assumeDevice();
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.OPENCL, Precision.FP32, 2))) {
      requireSameBits(config, backend, true);
    }
  }

  /** There the order of additions depends on the rows of a micro-batch. */
  @ParameterizedTest
  @MethodSource("models")
  void bothFormsGiveTheSameBitsInBf16InMicroBatchesOfOneSize(ModelConfig config) {
    try (Backend backend = bf16()) {
      requireSameBits(config, backend, false);
    }
  }

  private static Backend bf16() {
    try {
      return new CpuBackend(Precision.BF16, 2);
    } catch (UserException e) {
      return abort(e.getMessage());
    }
  }

  private static void requireSameBits(ModelConfig config, Backend backend, boolean anySize) {
    try (LanguageModel model = Models.create(config, backend, DType.F32, 1);
        ArrayPool pool = new ArrayPool(backend)) {
      Segment gradients = model.parameters().newSegment();
      LogProbs plain = LogProbs.of(model, TEMPERATURE);
      LogProbs full = plain.withEntropies();
      for (int microBatch = 1; microBatch <= B + 1; microBatch++) {
        TokenLogProbs expected = full.compute(pool, IDS, TARGETS, ROWS, anySize ? B : microBatch);
        assertThat(expected.logProbs()).isNotEqualTo(new double[B * T]);
        TokenLogProbs again = full.compute(pool, IDS, TARGETS, ROWS, microBatch);
        assertThat(again.logProbs()).isEqualTo(expected.logProbs());
        assertThat(again.entropies()).isEqualTo(expected.entropies());
        assertThat(plain.compute(pool, IDS, TARGETS, ROWS, microBatch).logProbs())
            .isEqualTo(expected.logProbs());
        for (int first = 0; first < B; first += microBatch) {
          int end = Math.min(B, first + microBatch);
          try (Tape tape = Tape.training(backend, pool)) {
            ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 0);
            TokenLogProbs recorded =
                full.record(
                        pass,
                        rows(IDS, first, end),
                        rows(TARGETS, first, end),
                        RowLayout.whole(end - first, T))
                    .values();
            assertThat(recorded.logProbs())
                .isEqualTo(Arrays.copyOfRange(expected.logProbs(), first * T, end * T));
            assertThat(recorded.entropies())
                .isEqualTo(Arrays.copyOfRange(expected.entropies(), first * T, end * T));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void valuesAreThoseOfTheLogits(ModelConfig config) {
    try (Backend backend = new ReferenceBackend();
        LanguageModel model =
            Models.create(TestModels.withDropout(config, 0.3), backend, DType.F64, 1);
        ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      double[] logits = new double[B * T * V];
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      backend.download(model.logits(pass, tape.constant(IDS, Shape.of(B, T))).array(), logits, 0);
      TokenLogProbs got =
          LogProbs.of(model, TEMPERATURE).withEntropies().compute(pool, IDS, TARGETS, ROWS, 2);
      for (int m = 0; m < B * T; m++) {
        double sum = 0;
        for (int v = 0; v < V; v++) {
          sum += Math.exp(logits[m * V + v] / TEMPERATURE);
        }
        double entropy = 0;
        for (int v = 0; v < V; v++) {
          double logProb = logits[m * V + v] / TEMPERATURE - Math.log(sum);
          entropy -= Math.exp(logProb) * logProb;
        }
        int target = TARGETS[m];
        assertThat(got.logProbs()[m])
            .isCloseTo(
                target < 0 ? 0 : logits[m * V + target] / TEMPERATURE - Math.log(sum),
                within(1e-12));
        assertThat(got.entropies()[m]).isCloseTo(target < 0 ? 0 : entropy, within(1e-12));
      }
    }
  }

  /** A smooth function of log-probabilities and entropies; writes its gradient unless null. */
  private static double hostLoss(TokenLogProbs values, double[] dLogProbs, double[] dEntropies) {
    double loss = 0;
    for (int i = 0; i < B * T; i++) {
      double factor = 0.1 * (i % 7 - 3);
      loss += factor * Math.exp(values.logProbs()[i]) + 0.3 * factor * values.entropies()[i];
      if (dLogProbs != null) {
        dLogProbs[i] = factor * Math.exp(values.logProbs()[i]);
        dEntropies[i] = 0.3 * factor;
      }
    }
    return loss;
  }

  @ParameterizedTest
  @MethodSource("models")
  void gradientsOfAHostLossAreThoseOfCentralDifferences(ModelConfig config) {
    try (Backend backend = new ReferenceBackend();
        LanguageModel model = Models.create(config, backend, DType.F64, 1);
        ArrayPool pool = new ArrayPool(backend)) {
      Segment gradients = model.parameters().newSegment();
      LogProbs logProbs = LogProbs.of(model, TEMPERATURE).withEntropies();
      int[] completed = new int[1];
      try (Tape tape = Tape.training(backend, pool)) {
        ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 0);
        LogProbs.Recorded recorded = logProbs.record(pass, IDS, TARGETS, ROWS);
        double[] dLogProbs = new double[B * T];
        double[] dEntropies = new double[B * T];
        hostLoss(recorded.values(), dLogProbs, dEntropies);
        recorded.backward(dLogProbs, dEntropies, array -> completed[0]++);
      }
      assertThat(completed[0]).isEqualTo(model.parameters().parameters().size());
      int size = (int) gradients.flat().size();
      double[] weights = new double[size];
      double[] gradient = new double[size];
      backend.download(model.parameters().weights().flat(), weights, 0);
      backend.download(gradients.flat(), gradient, 0);
      RandomStream random = RandomStream.of(9, "direction");
      double[][] moved = new double[2][size];
      double analytic = 0;
      double h = 1e-6;
      for (int i = 0; i < size; i++) {
        double direction = random.nextGaussian();
        analytic += gradient[i] * direction;
        moved[0][i] = weights[i] - h * direction;
        moved[1][i] = weights[i] + h * direction;
      }
      double[] losses = new double[2];
      for (int side = 0; side < 2; side++) {
        backend.upload(moved[side], 0, model.parameters().weights().flat());
        losses[side] = hostLoss(logProbs.compute(pool, IDS, TARGETS, ROWS, B), null, null);
      }
      assertThat(analytic).isNotZero();
      assertThat((losses[1] - losses[0]) / (2 * h))
          .isCloseTo(analytic, within(1e-6 * Math.max(1, Math.abs(analytic))));
    }
  }

  @Test
  void refusesWhatCannotBeRight() {
    ModelConfig config = TestModels.gpt2(1, 8, 2, 9, V);
    try (Backend backend = new ReferenceBackend();
        LanguageModel model =
            Models.create(TestModels.withDropout(config, 0.1), backend, DType.F64, 1);
        LanguageModel still = Models.create(config, backend, DType.F64, 1);
        ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.training(backend, pool);
        Tape inference = Tape.inference(backend, pool)) {
      ForwardPass pass =
          ForwardPass.training(tape, model.parameters(), model.parameters().newSegment(), 0);
      LogProbs logProbs = LogProbs.of(model, 1);
      assertThatThrownBy(() -> logProbs.record(pass, IDS, TARGETS, ROWS))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "Training on log-probabilities requires model.dropout 0, because the first update"
                  + " must find exactly the log-probabilities that were computed before it, got"
                  + " 0.1: set model.dropout=0.");
      assertThatThrownBy(() -> LogProbs.of(model, 0))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "The temperature of log-probabilities must be positive and finite, got 0.0: use the"
                  + " temperature of sampling, or 1.");
      assertThatThrownBy(() -> logProbs.compute(pool, IDS, TARGETS, RowLayout.whole(B, 6), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("logProbs: there must be 30 ids and targets for rows [5, 6], got 35 and 35");
      assertThatThrownBy(() -> logProbs.compute(pool, IDS, TARGETS, ROWS, 0))
          .hasMessage("logProbs: a micro-batch must have at least one row, got 0");
      assertThatThrownBy(() -> logProbs.compute(pool, IDS, TARGETS, ROWS, 1).entropies())
          .hasMessage("entropies are computed only by LogProbs.withEntropies(), got one without");
      LogProbs plain = LogProbs.of(still, 1);
      assertThatThrownBy(
              () ->
                  plain.record(
                      ForwardPass.inference(inference, still.parameters()), IDS, TARGETS, ROWS))
          .hasMessage("logProbs: a training pass is required, got an inference pass; use compute");
      try (Tape other = Tape.training(backend, pool)) {
        LogProbs.Recorded recorded =
            plain.record(
                ForwardPass.training(other, still.parameters(), still.parameters().newSegment(), 0),
                IDS,
                TARGETS,
                ROWS);
        assertThatThrownBy(() -> recorded.backward(new double[3], null, array -> {}))
            .hasMessage(
                "logProbs: gradients must have the size 35 of the log-probabilities, got 3");
        assertThatThrownBy(() -> recorded.backward(new double[35], new double[35], array -> {}))
            .hasMessage(
                "logProbs: a gradient of entropies requires LogProbs.withEntropies(), got one"
                    + " without");
      }
    }
  }

  /** Several documents in a row have the log-probabilities of each alone, to the bit. */
  @Test
  void packedRowsHaveTheBitsOfTheirDocuments() {
    try (Backend backend = new CpuBackend(Precision.FP32, 2);
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model = Models.create(TestModels.llama(2, 16, 4, 2, 24, T, V), backend, 3)) {
      LogProbs logProbs = LogProbs.of(model, TEMPERATURE);
      int[] ids = rows(IDS, 0, 2);
      int[] targets = rows(TARGETS, 0, 2);
      double[] alone = logProbs.compute(pool, ids, targets, RowLayout.whole(2, T), 1).logProbs();
      RowLayout packed = RowLayout.packed(2 * T, new int[] {T, T});
      assertThat(logProbs.compute(pool, ids, targets, packed, 1).logProbs()).isEqualTo(alone);
    }
  }

  @Test
  void refusesAdaptersWithDropout() {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.training(backend, pool)) {
      ParameterSet.Builder parameters = ParameterSet.builder();
      LanguageModel model =
          Models.declare(
              TestModels.llama(1, 16, 4, 2, 24, T, V),
              parameters,
              new Lora(2, 4, 0.1, NamePattern.all("*.attention.*")));
      ParameterSet built = parameters.build();
      built.allocate(backend, DType.F32);
      built.initialize(1);
      ForwardPass pass = ForwardPass.training(tape, built, built.newSegment(), 0);
      assertThatThrownBy(() -> LogProbs.of(model, 1).record(pass, IDS, TARGETS, ROWS))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("requires adapters without dropout");
    }
  }
}

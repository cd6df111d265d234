package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import org.junit.jupiter.api.Test;

class AdamWTest {
  private final Backend backend = new ReferenceBackend();

  @Test
  void decaysMatricesAndNotVectors() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter gain = declaration.declare("gain", Shape.of(3), Initializer.constant(2));
    Parameter matrix = declaration.declare("matrix", Shape.of(2, 2), Initializer.constant(2));
    ParameterSet parameters = declaration.build();
    parameters.allocate(backend, DType.F64);
    parameters.initialize(0);

    try (AdamW optimizer = new AdamW(parameters, new OptimizerConfig(1, 0.9, 0.95, 1e-8, 0.25));
        Segment gradients = parameters.newSegment()) {
      optimizer.step(gradients, 0.1, 1);
      optimizer.step(gradients, 0.1, 1);

      assertThat(optimizer.updates()).isEqualTo(2);
    }
    assertThat(values(parameters, gain)).containsOnly(2);
    double decayed = 2 * (1 - 0.1 * 0.25) * (1 - 0.1 * 0.25);
    assertThat(values(parameters, matrix)[0]).isEqualTo(decayed, within(1e-15));
  }

  @Test
  void theFirstUpdateMovesByTheLearningRateAgainstTheGradientsSign() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter bias = declaration.declare("bias", Shape.of(2), Initializer.constant(0));
    ParameterSet parameters = declaration.build();
    parameters.allocate(backend, DType.F64);

    try (AdamW optimizer = new AdamW(parameters, new OptimizerConfig(1, 0.9, 0.95, 1e-8, 0));
        Segment gradients = parameters.newSegment()) {
      backend.upload(new double[] {5, -0.25}, 0, gradients.view(bias));
      optimizer.step(gradients, 0.1, 0.5);
    }

    assertThat(values(parameters, bias)[0]).isEqualTo(-0.1, within(1e-8));
    assertThat(values(parameters, bias)[1]).isEqualTo(0.1, within(1e-8));
  }

  /** {@code lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)}, TensorFlow's formula. */
  @Test
  void epsilonHatStandsBesideTheUncorrectedMoment() {
    double[] gradients = {3e-6, -2e-6, 4e-6};
    double epsilon = 1e-5;
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter bias = declaration.declare("bias", Shape.of(1), Initializer.constant(0));
    ParameterSet parameters = declaration.build();
    parameters.allocate(backend, DType.F64);
    OptimizerConfig config =
        TestOptimizers.config("epsilon_hat=true", "epsilon=1e-5", "weight_decay=0");
    double m = 0;
    double v = 0;
    double w = 0;
    try (AdamW optimizer = new AdamW(parameters, config);
        Segment segment = parameters.newSegment()) {
      for (int t = 1; t <= gradients.length; t++) {
        double g = gradients[t - 1];
        backend.upload(new double[] {g}, 0, segment.view(bias));
        optimizer.step(segment, 0.1, 1);
        m = 0.9 * m + 0.1 * g;
        v = 0.95 * v + 0.05 * g * g;
        w -=
            0.1
                * Math.sqrt(1 - Math.pow(0.95, t))
                / (1 - Math.pow(0.9, t))
                * m
                / (Math.sqrt(v) + epsilon);
        assertThat(values(parameters, bias)[0]).as("update " + t).isEqualTo(w, within(1e-14));
      }
    }
  }

  private double[] values(ParameterSet parameters, Parameter parameter) {
    double[] values = new double[(int) parameter.size()];
    backend.download(parameters.weights().view(parameter), values, 0);
    return values;
  }
}

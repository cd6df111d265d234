package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import org.junit.jupiter.api.Test;

class GradientClippingTest {
  @Test
  void theNormIsOverAllParameters() {
    Backend backend = new ReferenceBackend();
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter a = declaration.declare("a", Shape.of(1), Initializer.constant(0));
    Parameter b = declaration.declare("b", Shape.of(1, 2), Initializer.constant(0));
    ParameterSet parameters = declaration.build();
    parameters.allocate(backend, DType.F32);
    Segment gradients = parameters.newSegment();
    backend.upload(new double[] {2}, 0, gradients.view(a));
    backend.upload(new double[] {3, -6}, 0, gradients.view(b));

    assertThat(GradientClipping.norm(gradients)).isEqualTo(7);
  }

  @Test
  void scalesLongGradientsOnly() {
    GradientClipping clipping = new GradientClipping(1);

    assertThat(clipping.scale(0.5)).isEqualTo(1);
    assertThat(clipping.scale(1)).isEqualTo(1);
    assertThat(clipping.scale(4)).isEqualTo(0.25, within(1e-15));
    assertThat(new GradientClipping(0).scale(4)).isEqualTo(1);
  }
}

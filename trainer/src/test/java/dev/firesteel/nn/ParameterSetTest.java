package dev.firesteel.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import org.junit.jupiter.api.Test;

class ParameterSetTest {
  private static final Initializer ZERO = Initializer.constant(0);

  @Test
  void placesDecayedParametersFirstAtAlignedOffsets() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter gain = declaration.declare("gain", Shape.of(5), ZERO);
    Parameter matrix = declaration.declare("matrix", Shape.of(3, 7), ZERO);
    Parameter bias = declaration.declare("bias", Shape.of(16), ZERO);
    Parameter table = declaration.declare("table", Shape.of(4, 4), ZERO);
    ParameterSet set = declaration.build();

    assertThat(set.parameters()).containsExactly(matrix, table, gain, bias);
    assertThat(set.parameters()).extracting(Parameter::offset).containsExactly(0L, 32L, 48L, 64L);
    assertThat(set.decayedSize()).isEqualTo(48);
    assertThat(set.segmentSize()).isEqualTo(80);
    assertThat(set.count()).isEqualTo(5 + 21 + 16 + 16);
    assertThat(set.parameter("bias")).isSameAs(bias);
  }

  @Test
  void namesMustDifferAndExist() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    declaration.declare("w", Shape.of(2), ZERO);

    assertThatThrownBy(() -> declaration.declare("w", Shape.of(3), ZERO))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("parameter w is declared twice");
    assertThatThrownBy(() -> declaration.build().parameter("v"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no parameter is named v; there are [w]");
  }

  @Test
  void refusesMoreParametersThanAnArrayHolds() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    declaration.declare("w", Shape.of(100_000, 100_000), ZERO);
    ParameterSet set = declaration.build();

    assertThatThrownBy(() -> set.allocate(null, DType.F32))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "a model may have at most 2147483647 parameters to be held in memory, got 10000000000:"
                + " choose a smaller model");
  }

  @Test
  void saysThatDeclaredIsNotAllocated() {
    ParameterSet set = ParameterSet.builder().build();

    assertThatThrownBy(set::newSegment)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the parameters are declared but not allocated");
  }
}

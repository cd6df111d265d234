package dev.firesteel.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.reference.ReferenceBackend;
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
  void placesFrozenParametersLast() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter gain = declaration.declare("base.gain", Shape.of(5), ZERO);
    Parameter matrix = declaration.declare("base.matrix", Shape.of(3, 7), ZERO);
    declaration.freeze(NamePattern.of("base.*"));
    Parameter bias = declaration.declare("head.bias", Shape.of(16), ZERO);
    Parameter row = declaration.declareWithoutDecay("head.row", Shape.of(1, 4), ZERO);
    Parameter table = declaration.declare("head.table", Shape.of(4, 4), ZERO);
    ParameterSet set = declaration.build();

    assertThat(set.parameters()).containsExactly(table, bias, row, gain, matrix);
    assertThat(set.trained()).containsExactly(table, bias, row);
    assertThat(set.parameters())
        .extracting(Parameter::trainable)
        .containsExactly(true, true, true, false, false);
    assertThat(row.decayed()).isFalse();
    assertThat(set.decayedSize()).isEqualTo(16);
    assertThat(set.trainedSize()).isEqualTo(48);
    assertThat(set.segmentSize()).isEqualTo(96);
    assertThat(set.count()).isEqualTo(16 + 16 + 4 + 5 + 21);
    assertThat(set.trainedCount()).isEqualTo(16 + 16 + 4);
  }

  @Test
  void gradientsCoverTheTrainedParameters() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    Parameter base = declaration.declare("base", Shape.of(3, 7), ZERO);
    declaration.freeze("base"::equals);
    Parameter head = declaration.declare("head", Shape.of(2, 7), ZERO);
    ParameterSet set = declaration.build();
    set.allocate(new ReferenceBackend(), DType.F32);
    Segment gradients = set.newSegment();

    assertThat(gradients.size()).isEqualTo(16);
    assertThat(gradients.flat().size()).isEqualTo(16);
    assertThat(gradients.parameterOf(gradients.view(head))).contains(head);
    assertThat(gradients.parameterOf(set.weights().view(head))).isEmpty();
    assertThatThrownBy(() -> gradients.view(base))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("base[3, 7] is frozen and has no gradient");
    // So that updates leave what a backend derives from frozen weights valid.
    assertThat(set.weights().view(base).storage()).isNotSameAs(set.weights().view(head).storage());
  }

  @Test
  void freezingNothingIsAMistake() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    declaration.declare("w", Shape.of(2), ZERO);

    assertThatThrownBy(() -> declaration.freeze(NamePattern.of("blocks.*")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "what is frozen must match the name of a parameter, got blocks.* and the parameters [w]");
  }

  @Test
  void patternsMatchWholeNames() {
    NamePattern pattern = NamePattern.of("*.attention.*");

    assertThat(pattern.test("blocks.0.attention.qkv")).isTrue();
    assertThat(pattern.test("blocks.0.attention_norm.gain")).isFalse();
    assertThat(pattern.test("attention.qkv")).isFalse();
    assertThat(NamePattern.of("blocks.1").test("blocks.10")).isFalse();
    assertThat(NamePattern.of("blocksx1").test("blocks.1")).isFalse();
    assertThat(NamePattern.of("*").test("")).isTrue();
    assertThatThrownBy(() -> NamePattern.of(""))
        .isInstanceOf(UserException.class)
        .hasMessage("a pattern of names must not be empty: write * for all names");
  }

  @Test
  void cutsSegmentsIntoArraysOfWholeParameters() {
    ParameterSet.Builder declaration = ParameterSet.builder(64);
    declaration.declare("a", Shape.of(4, 8), ZERO); // [0, 32)
    declaration.declare("b", Shape.of(2, 8), ZERO); // [32, 48)
    Parameter c = declaration.declare("c", Shape.of(5, 8), ZERO); // [48, 96)
    declaration.declare("d", Shape.of(3), ZERO); // [96, 112)
    declaration.declare("frozen", Shape.of(3), ZERO); // [112, 128)
    declaration.freeze("frozen"::equals);
    ParameterSet set = declaration.build();
    set.allocate(new ReferenceBackend(), DType.F32);

    assertThat(set.arrays())
        .containsExactly(
            new SegmentRange(0, 48), new SegmentRange(48, 112), new SegmentRange(112, 128));
    assertThat(set.pieces(new SegmentRange(40, 112)))
        .containsExactly(new SegmentRange(40, 48), new SegmentRange(48, 112));
    assertThat(set.newSegment().arrays()).hasSize(2);
    assertThat(set.weights().view(c).offset()).isZero();
    assertThat(set.weights().range(50, 60).offset()).isEqualTo(2);
    assertThatThrownBy(() -> set.weights().range(40, 60))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "range: elements 40 to 60 must be in one array, got one that ends at 48: use pieces()");
    assertThatThrownBy(() -> set.weights().flat())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("flat: the segment must be one array, got 3: use arrays()");
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
  void refusesAParameterThatNoArrayHolds() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    declaration.declare("w", Shape.of(100_000, 100_000), ZERO);
    ParameterSet set = declaration.build();

    assertThatThrownBy(() -> set.allocate(null, DType.F32))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "parameter w may have at most 2147483632 elements to be held in one array, got"
                + " 10000000000: choose a smaller model or vocabulary");
  }

  @Test
  void saysThatDeclaredIsNotAllocated() {
    ParameterSet set = ParameterSet.builder().build();

    assertThatThrownBy(set::newSegment)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the parameters are declared but not allocated");
  }
}

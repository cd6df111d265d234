package dev.firesteel.array;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void namesItsExtents() {
    Shape shape = Shape.of(2, 3, 5);
    assertThat(shape.rank()).isEqualTo(3);
    assertThat(shape.size()).isEqualTo(30);
    assertThat(shape.dim(0)).isEqualTo(2);
    assertThat(shape.dim(-1)).isEqualTo(5);
    assertThat(shape.dim(-3)).isEqualTo(2);
    assertThat(shape.last()).isEqualTo(5);
    assertThat(shape.rows()).isEqualTo(6);
    assertThat(shape).hasToString("[2, 3, 5]");
  }

  @Test
  void scalarIsOneRowOfOne() {
    assertThat(Shape.of()).isSameAs(Shape.scalar());
    assertThat(Shape.scalar().size()).isEqualTo(1);
    assertThat(Shape.scalar().rows()).isEqualTo(1);
    assertThat(Shape.scalar().last()).isEqualTo(1);
  }

  @Test
  void replacesExtentsInACopy() {
    Shape shape = Shape.of(2, 3);
    assertThat(shape.withLast(7)).isEqualTo(Shape.of(2, 7));
    assertThat(shape.withDim(-2, 4)).isEqualTo(Shape.of(4, 3));
    assertThat(shape).isEqualTo(Shape.of(2, 3));
  }

  @Test
  void doesNotSeeLaterChangesOfItsArrays() {
    int[] dims = {2, 3};
    Shape shape = Shape.of(dims);
    dims[0] = 9;
    shape.toArray()[1] = 9;
    assertThat(shape).isEqualTo(Shape.of(2, 3)).hasSameHashCodeAs(Shape.of(2, 3));
    assertThat(shape).isNotEqualTo(Shape.of(3, 2));
  }

  @Test
  void refusesNegativeExtentsAndOverflow() {
    assertThatThrownBy(() -> Shape.of(2, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Shape: extents must be >= 0, got [2, -1]");
    assertThatThrownBy(() -> Shape.of(1 << 30, 1 << 30, 1 << 30))
        .isInstanceOf(ArithmeticException.class);
  }
}

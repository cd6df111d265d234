package dev.firesteel.array;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class NdArrayTest {
  private final NdArray array = new NdArray(new FloatStorage(new float[30]), 6, Shape.of(4, 2, 3));

  @Test
  void viewsShareTheStorage() {
    NdArray rows = array.slice(1, 3);
    assertThat(rows.shape()).isEqualTo(Shape.of(2, 2, 3));
    assertThat(rows.offset()).isEqualTo(12);
    assertThat(rows.storage()).isSameAs(array.storage());
    NdArray flat = array.reshape(Shape.of(24));
    assertThat(flat.offset()).isEqualTo(6);
    assertThat(flat.storage()).isSameAs(array.storage());
    assertThat(array.slice(4, 4).size()).isZero();
    assertThat(array).hasToString("F32[4, 2, 3]");
  }

  @Test
  void refusesToLeaveTheStorage() {
    FloatStorage storage = new FloatStorage(new float[5]);
    assertThatThrownBy(() -> new NdArray(storage, 3, Shape.of(3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("NdArray: [3] at offset 3 must lie within the storage of 5 elements");
  }

  @Test
  void refusesUnfitViews() {
    assertThatThrownBy(() -> array.reshape(Shape.of(5, 5)))
        .isInstanceOf(ShapeException.class)
        .hasMessage("reshape: sizes must match, got [4, 2, 3] and [5, 5]");
    assertThatThrownBy(() -> array.slice(2, 5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("slice: [2, 5) must lie within axis 0 of [4, 2, 3]");
  }

  @Test
  void heapStorageHasTheKindOfItsType() {
    assertThat(HeapStorage.allocate(DType.F32, 3)).isInstanceOf(FloatStorage.class);
    assertThat(HeapStorage.allocate(DType.F64, 3)).isInstanceOf(DoubleStorage.class);
    assertThat(HeapStorage.allocate(DType.I32, 3)).isInstanceOf(IntStorage.class);
    assertThatThrownBy(() -> HeapStorage.allocate(DType.F32, 1L << 31))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("HeapStorage: an array holds 0 to 2^31 - 9 elements, got 2147483648 of F32");
  }
}

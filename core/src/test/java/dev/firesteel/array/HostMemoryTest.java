package dev.firesteel.array;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** For element types that no backend's contract has. */
class HostMemoryTest {
  private final HostMemory memory = new HostMemory();

  private NdArray array(DType dtype) {
    return new NdArray(memory.allocate(dtype, 5), 1, Shape.of(3));
  }

  @Test
  void doublesAreWidenedAndRounded() {
    NdArray array = array(DType.F64);
    float[] floats = new float[4];
    double[] doubles = new double[4];

    memory.upload(new float[] {9, 0.1f, 2, 3}, 1, array);
    memory.download(array, doubles, 1);
    assertThat(doubles).containsExactly(0, 0.1f, 2, 3);

    memory.upload(new double[] {9, 0.1, 2, 3}, 1, array);
    memory.download(array, doubles, 0);
    memory.download(array, floats, 1);
    assertThat(doubles).startsWith(0.1, 2, 3);
    assertThat(floats).containsExactly(0, 0.1f, 2, 3);
  }

  @Test
  void fillsEveryElementTypeAndCountsTheWrite() {
    for (DType dtype : DType.values()) {
      NdArray array = array(dtype);
      long version = array.storage().version();
      memory.fill(array, 7);
      assertThat(array.storage().version()).isEqualTo(version + 1);
    }
    int[] integers = new int[3];
    NdArray array = array(DType.I32);
    memory.fill(array, 7);
    memory.download(array, integers, 0);
    assertThat(integers).containsExactly(7, 7, 7);
  }

  @Test
  void refusesFloatsForIntegers() {
    NdArray integers = array(DType.I32);
    assertThatThrownBy(() -> memory.upload(new float[3], 0, integers))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("expected F32 or F64, got ");
    assertThatThrownBy(() -> memory.download(integers, new double[3], 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("expected F32 or F64, got ");
  }
}

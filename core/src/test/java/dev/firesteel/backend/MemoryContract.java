package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import org.junit.jupiter.api.Test;

/** Of the memory that arrays live in. */
interface MemoryContract extends KernelContract {

  @Test
  default void uploadsAndDownloadsParts() {
    float[] floats = {1, 2.5f, -3, 4, 5};
    NdArray array = new NdArray(kernels().backend().allocate(DType.F32, 7), 2, Shape.of(3));
    kernels().backend().upload(floats, 1, array);
    float[] floatsBack = new float[5];
    double[] doublesBack = new double[5];
    kernels().backend().download(array, floatsBack, 2);
    kernels().backend().download(array, doublesBack, 1);
    assertThat(floatsBack).containsExactly(0, 0, 2.5f, -3, 4);
    assertThat(doublesBack).containsExactly(0, 2.5, -3, 4, 0);

    kernels().backend().upload(new double[] {0, 0.1, 0.2, 0.3}, 1, array);
    kernels().backend().download(array, floatsBack, 0);
    assertThat(floatsBack).startsWith(0.1f, 0.2f, 0.3f);

    NdArray ints = new NdArray(kernels().backend().allocate(DType.I32, 5), 1, Shape.of(2));
    kernels().backend().upload(new int[] {7, 8, 9}, 1, ints);
    int[] intsBack = new int[4];
    kernels().backend().download(ints, intsBack, 1);
    assertThat(intsBack).containsExactly(0, 8, 9, 0);
  }

  @Test
  default void fillIsExact() {
    for (int n : KernelCheck.SIZES) {
      kernels().check(0, (b, o) -> b.fill(o.result(n), 1.5), "fill %d", n);
    }
  }

  @Test
  default void supportsWhatTrainingNeeds() {
    assertThat(kernels().backend().supports(DType.F32)).isTrue();
    assertThat(kernels().backend().supports(DType.I32)).isTrue();
    assertThat(kernels().backend().description()).isNotBlank();
  }
}

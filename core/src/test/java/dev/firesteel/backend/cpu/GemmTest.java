package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.cpu.Gemm.Matrix;
import dev.firesteel.random.RandomStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each element of a product is the chain of fused multiply-adds in ascending k, to the bit. */
class GemmTest {
  private final WorkerPool pool = new WorkerPool(3, Simd.Choice.VECTOR);
  private final Gemm gemm = new Gemm(pool);
  private final RandomStream random = RandomStream.of(11, "gemm test");

  /** Rows that tasks share come in slabs of 256 here, as those of large products do. */
  private final Gemm slabs = new Gemm(pool, 1);

  @AfterEach
  void close() {
    pool.close();
  }

  private float[] normals(int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 70, 3",
    "2, 33, 800",
    "4, 64, 769",
    "5, 40, 1600",
    "7, 31, 255",
    "16, 95, 770",
    "17, 95, 770",
    "8, 32, 256",
    "9, 33, 257",
    "64, 64, 64",
    "65, 95, 513",
    "130, 1, 600",
    "300, 800, 10",
    "3, 2000, 20",
    "70, 1100, 300",
    "523, 1025, 33"
  })
  void equalsTheChainOfFusedMultiplyAdds(int rows, int columns, int depth) {
    for (int variant = 0; variant < 8; variant++) {
      boolean transposeA = (variant & 1) != 0;
      boolean transposeB = (variant & 2) != 0;
      boolean add = (variant & 4) != 0;
      // Rows are longer than needed and start later: strides and offsets count.
      int aStride = (transposeA ? rows : depth) + 3;
      int bStride = (transposeB ? depth : columns) + 2;
      int cStride = columns + 1;
      float[] a = normals(1 + aStride * (transposeA ? depth : rows));
      float[] b = normals(2 + bStride * (transposeB ? columns : depth));
      float[] c = normals(5 + cStride * rows);
      float[] want = c.clone();
      for (int m = 0; m < rows; m++) {
        for (int n = 0; n < columns; n++) {
          int at = 5 + m * cStride + n;
          float sum = add ? want[at] : 0f;
          for (int k = 0; k < depth; k++) {
            float left = a[1 + (transposeA ? k * aStride + m : m * aStride + k)];
            float right = b[2 + (transposeB ? n * bStride + k : k * bStride + n)];
            sum = Math.fma(left, right, sum);
          }
          want[at] = sum;
        }
      }
      Matrix left = new Matrix(a, 1, aStride, transposeA);
      Matrix right = new Matrix(b, 2, bStride, transposeB);
      float[] panels = new float[Gemm.panelsSize(depth, columns)];
      gemm.pack(right, depth, columns, panels);
      float[] got = c.clone();
      gemm.multiply(rows, columns, depth, left, panels, got, 5, cStride, add, null);
      assertThat(got).as("variant %d", variant).isEqualTo(want);
      float[] inSlabs = c.clone();
      slabs.multiply(rows, columns, depth, left, panels, inSlabs, 5, cStride, add, null);
      assertThat(inSlabs).as("in slabs, variant %d", variant).isEqualTo(want);
      float[] alone = c.clone();
      Gemm.multiplyAlone(pool.caller(), rows, columns, depth, left, right, alone, 5, cStride, add);
      assertThat(alone).as("alone, variant %d", variant).isEqualTo(want);
    }
  }

  @Test
  void emptySumsAreZero() {
    float[] c = {1, 2, 3, 4, 5, 6};
    Matrix empty = new Matrix(new float[0], 0, 0, false);
    gemm.multiply(2, 2, 0, empty, new float[0], c, 1, 3, false, null);
    assertThat(c).containsExactly(1, 0, 0, 4, 0, 0);
  }
}

package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.Attention.Rows;
import dev.firesteel.backend.cpu.HeadAttention.Head;
import dev.firesteel.backend.cpu.HeadAttention.Ranges;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A single query has the bits that it has among other queries. */
class OneQueryTest {
  private static final int KEYS = 77;

  private static float[] normal(String name, int size) {
    RandomStream random = RandomStream.of(1, name);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (2 * random.nextGaussian());
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "64, false, false, 1000",
    "64, true, false, 1000",
    "96, false, true, 1000",
    "20, true, true, 9",
    "7, false, false, 16",
    "128, true, false, 33"
  })
  void hasTheBitsThatItHasAmongOthers(int width, boolean bf16, boolean biased, int window) {
    AttentionSpec spec = AttentionSpec.of(1, 1, width).withWindow(window);
    int stride = width + 5;
    float[] q = normal("q", KEYS * stride);
    float[] k = normal("k", KEYS * stride);
    float[] v = normal("v", KEYS * stride);
    float[] bias = normal("bias", KEYS * KEYS);
    int[] ranges = new int[2 * KEYS];
    for (int t = 0; t < KEYS; t++) {
      ranges[2 * t] = t / 3;
      ranges[2 * t + 1] = t + 1;
    }
    Attention attention = new Attention(bf16);
    for (Simd.Choice choice : Simd.Choice.values()) {
      if (choice == Simd.Choice.VECTOR && Simd.Choice.best() == Simd.Choice.SCALAR) {
        continue;
      }
      Worker worker = new Worker(choice.create());
      float[] together = new float[KEYS * stride];
      float[] logSums = new float[KEYS];
      attention.forward(
          worker,
          new Head(
              spec,
              new Rows(q, 0, stride),
              new Rows(k, 0, stride),
              new Rows(v, 0, stride),
              KEYS,
              KEYS,
              new Ranges(spec, ranges, 0, KEYS),
              biased ? new Rows(bias, 0, KEYS) : null),
          new Rows(together, 0, stride),
          logSums,
          0);
      for (int t = 0; t < KEYS; t++) {
        float[] alone = new float[stride];
        float[] logSum = new float[1];
        attention.forward(
            worker,
            new Head(
                spec,
                new Rows(q, t * stride, stride),
                new Rows(k, 0, stride),
                new Rows(v, 0, stride),
                1,
                KEYS,
                new Ranges(spec, ranges, 2 * t, 1),
                biased ? new Rows(bias, t * KEYS, KEYS) : null),
            new Rows(alone, 0, stride),
            logSum,
            0);
        assertThat(alone)
            .as("query %d on %s", t, choice)
            .isEqualTo(Arrays.copyOfRange(together, t * stride, (t + 1) * stride));
        assertThat(logSum[0]).isEqualTo(logSums[t]);
      }
    }
  }
}

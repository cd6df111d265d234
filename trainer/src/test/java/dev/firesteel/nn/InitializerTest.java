package dev.firesteel.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class InitializerTest {
  private static final int COLUMNS = 5;

  private static float[] draw(Initializer initializer, String name, int start, int end) {
    float[] out = new float[(end - start) * COLUMNS];
    initializer.draw(name, 3, start, end, COLUMNS, out);
    return out;
  }

  private static float[] rows(float[] matrix, int start, int end) {
    return Arrays.copyOfRange(matrix, start * COLUMNS, end * COLUMNS);
  }

  @Test
  void packedMatricesAreDrawnAsTheirPartsWouldBe() {
    float[] packed = draw(Initializer.packedAttention(0.5, 4, 2), "qkv", 0, 8);
    Initializer single = Initializer.normal(0.5);

    assertThat(rows(packed, 0, 4)).isEqualTo(draw(single, "qkv/query", 0, 4));
    assertThat(rows(packed, 4, 6)).isEqualTo(draw(single, "qkv/key", 0, 2));
    assertThat(rows(packed, 6, 8)).isEqualTo(draw(single, "qkv/value", 0, 2));
  }

  @Test
  void rowsDoNotDependOnTheChunkTheyAreDrawnIn() {
    float[] whole = draw(Initializer.packedGate(1, 3), "gate_up", 0, 6);

    assertThat(draw(Initializer.packedGate(1, 3), "gate_up", 2, 5)).isEqualTo(rows(whole, 2, 5));
  }
}

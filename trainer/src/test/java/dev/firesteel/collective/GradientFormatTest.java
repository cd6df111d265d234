package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GradientFormatTest {
  private static final int LENGTH = 50_001;
  private static final int STEPS = 40;

  /** Half a unit in the last of bfloat16's 8 bits. */
  private static final double ROUNDING = Math.scalb(1.0, -8);

  @ParameterizedTest
  @CsvSource({
    "3f800000, 3f80",
    "3f808000, 3f80",
    "3f818000, 3f82",
    "3f808001, 3f81",
    "bf808001, bf81",
    "7f7fffff, 7f80",
    "ff800000, ff80",
    "7f800001, 7fc0",
    "00000001, 0000"
  })
  void roundsToNearestEven(String float32, String bfloat16) {
    float value = Float.intBitsToFloat(Integer.parseUnsignedInt(float32, 16));

    assertThat(Integer.toHexString(Bf16Wire.round(value) & 0xffff))
        .isEqualTo(Integer.toHexString(Integer.parseInt(bfloat16, 16)));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 8})
  void errorsDoNotAddUp(int worldSize) throws Exception {
    List<float[][]> results = sums(worldSize);

    double worstOfStep = 0;
    double worstOfAll = 0;
    for (int rank = 0; rank < worldSize; rank++) {
      Shard mine = Shard.of(LENGTH, rank, worldSize);
      for (int i = mine.begin(); i < mine.end(); i++) {
        double all = 0;
        double allExact = 0;
        for (int step = 0; step < STEPS; step++) {
          double exact = 0;
          for (int r = 0; r < worldSize; r++) {
            exact += value(r, step, i);
          }
          double sum = results.get(rank)[step][i];
          worstOfStep = Math.max(worstOfStep, Math.abs(sum - exact));
          all += sum;
          allExact += exact;
        }
        worstOfAll = Math.max(worstOfAll, Math.abs(all - allExact));
      }
    }

    // Each value, below 2, is sent as a partial sum of up to all ranks, by all ranks but one.
    double bound = 2.0 * worldSize * ROUNDING * (worldSize - 1);
    assertThat(worstOfStep).isBetween(1e-4, 2 * bound);
    assertThat(worstOfAll).isLessThan(bound);
  }

  @Test
  void isTheSameEachTime() throws Exception {
    List<float[][]> once = sums(4);
    List<float[][]> again = sums(4);

    for (int rank = 0; rank < 4; rank++) {
      Shard mine = Shard.of(LENGTH, rank, 4);
      for (int step = 0; step < STEPS; step++) {
        assertThat(
                Arrays.mismatch(
                    once.get(rank)[step],
                    mine.begin(),
                    mine.end(),
                    again.get(rank)[step],
                    mine.begin(),
                    mine.end()))
            .isEqualTo(-1);
      }
    }
  }

  /** What each rank has after each step; all calls of a step are as one. */
  private static List<float[][]> sums(int worldSize) throws Exception {
    try (PeerWorld world = PeerWorld.open(PeerWorld.Way.SOCKETS, worldSize, GradientFormat.BF16)) {
      return world.run(
          collective -> {
            float[][] results = new float[STEPS][];
            for (int step = 0; step < STEPS; step++) {
              collective.enterStep(step);
              float[] values = new float[LENGTH];
              for (int i = 0; i < LENGTH; i++) {
                values[i] = value(collective.rank(), step, i);
              }
              collective.reduceScatter(values, 0, LENGTH).await();
              results[step] = values;
            }
            return results;
          });
    }
  }

  /** The part that does not change would be rounded in the same direction in each step. */
  private static float value(int rank, int step, int i) {
    long mixed = (rank * 1_000_003L + i * 31L) * 0x9E3779B97F4A7C15L;
    return (float) ((mixed >>> 40) / (double) (1 << 24) + (step % 3) * 0.125);
  }

  @Test
  void sendsHalfOfTheBytes() throws Exception {
    int length = 1 << 20;
    AtomicLong bytes = new AtomicLong();
    UnaryOperator<Transport> counting =
        transport ->
            new TamperingTransport(transport, (n, frame) -> bytes.addAndGet(frame.position()));
    try (PeerWorld world =
        PeerWorld.open(
            PeerWorld.Way.SOCKETS, 2, Duration.ofMinutes(1), counting, GradientFormat.BF16)) {
      world.run(
          collective -> {
            collective.reduceScatter(new float[length], 0, length).await();
            return null;
          });

      assertThat(bytes.get()).isEqualTo(2L * (length + Frame.HEADER_BYTES));
    }
  }

  @Test
  void whatIsNotFiniteIsSentAndForgotten() {
    float[] values = {Float.NaN, Float.POSITIVE_INFINITY, Float.MAX_VALUE, 1.001f};
    float[] heldBack = new float[values.length];
    Bf16Wire wire = new Bf16Wire().of(values, 0, heldBack);
    ByteBuffer payload = ByteBuffer.allocateDirect(values.length * wire.elementBytes());
    wire.put(0, values.length, payload);
    float[] sums = new float[values.length];

    new Bf16Wire().of(sums, 0, heldBack).take(0, values.length, payload.position(0));

    assertThat(sums)
        .containsExactly(Float.NaN, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, 1);
    assertThat(heldBack).containsExactly(0, 0, 0, 1.001f - 1);
  }

  @Test
  void aCallOfAStepKeepsItsLength() throws Exception {
    try (PeerWorld world = PeerWorld.open(PeerWorld.Way.SOCKETS, 1, GradientFormat.BF16)) {
      world.rank(0).enterStep(0);
      world.rank(0).reduceScatter(new float[3], 0, 3).await();
      world.rank(0).enterStep(1);

      assertThatThrownBy(() -> world.rank(0).reduceScatter(new float[4], 0, 4))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "with BF16 reduce-scatter 0 of a step must have the same length in each step, 3, got 4");
    }
  }
}

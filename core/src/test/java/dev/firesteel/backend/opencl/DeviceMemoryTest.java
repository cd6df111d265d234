package dev.firesteel.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import org.junit.jupiter.api.Test;

/** Needs no device: the kernel only holds the arrays. */
class DeviceMemoryTest {
  private static final long MEBI = 1 << 20;

  private final DeviceKernel kernel = new DeviceKernel();

  @Test
  void arenasGrowAsFarAsTheDeviceGoes() {
    DeviceMemory memory = new DeviceMemory(kernel, "toy", 200 * MEBI, 100 * MEBI);
    DeviceFloats first = memory.allocateFloats((1 << 24) - 32);
    assertThat(first.arena()).isZero();
    assertThat(memory.arenaBytes()).isEqualTo(64 * MEBI);
    DeviceFloats second = memory.allocateFloats(10);
    assertThat(second.arena()).isEqualTo(1);
    assertThat(memory.arenaBytes()).isEqualTo(128 * MEBI);
    memory.allocateFloats((1 << 24) - 32);
    assertThatThrownBy(() -> memory.allocateFloats((1 << 24) - 32))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "backend opencl needs 64 MiB more in one piece; device toy has 200 MiB, of which 127"
                + " are in use and 72 are in smaller pieces; take a smaller"
                + " training.micro_batch_size, or compute.recompute");
    memory.free(first);
    assertThat(memory.allocateFloats((1 << 24) - 32).arena()).isZero();
  }

  @Test
  void tellsBeforehandWhatArenasTake() {
    assertThat(DeviceMemory.arenaBytes(1)).isEqualTo(64 * MEBI);
    assertThat(DeviceMemory.arenaBytes(65 * MEBI)).isEqualTo(128 * MEBI);
    assertThat(DeviceMemory.arenaBytes(129 * MEBI)).isEqualTo(256 * MEBI);
  }

  @Test
  void refusesAnArrayThatNoBufferHolds() {
    DeviceMemory memory = new DeviceMemory(kernel, "toy", 200 * MEBI, 100 * MEBI);
    assertThatThrownBy(() -> memory.allocateFloats(30_000_000))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "backend opencl holds arrays of up to 26214336 floats on device toy, got one of"
                + " 30000000; take a smaller batch or model");
  }

  @Test
  void integersGrowAndKeepTheirContent() {
    DeviceMemory memory = new DeviceMemory(kernel, "toy", 200 * MEBI, 100 * MEBI);
    DeviceIntegers first = memory.allocateIntegers(4000);
    kernel.integers[first.offset() + 3999] = 7;
    DeviceIntegers second = memory.allocateIntegers(20000);
    assertThat(kernel.integers).hasSize(32768);
    assertThat(kernel.integers[first.offset() + 3999]).isEqualTo(7);
    memory.free(first);
    memory.free(second);
    assertThat(memory.allocateIntegers(32768).offset()).isZero();
  }

  @Test
  void freedNeighboursAreOneBlockAgain() {
    FreeRanges ranges = new FreeRanges();
    ranges.add(0, 128);
    int a = ranges.take(32);
    int b = ranges.take(1);
    int c = ranges.take(33);
    assertThat(new int[] {a, b, c}).containsExactly(0, 32, 64);
    assertThat(ranges.take(1)).isEqualTo(-1);
    ranges.giveBack(a, 32);
    ranges.giveBack(c, 33);
    assertThat(ranges.take(65)).isEqualTo(-1);
    ranges.giveBack(b, 1);
    assertThat(ranges.take(128)).isZero();
  }
}

package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class NativePoolTest {
  @Test
  void lendsTheSameBlockAgain() {
    try (NativePool pool = new NativePool()) {
      NativeBlock block = pool.take(100_000);
      pool.giveBack(block);
      assertThat(pool.take(99_000)).isSameAs(block);
      pool.giveBack(block);
    }
  }

  @Test
  void alignsBlocks() {
    try (NativePool pool = new NativePool()) {
      NativeBlock block = pool.take(100_001);
      assertThat(block.address() % NativeBlock.ALIGNMENT).isZero();
      assertThat(block.bytes()).isGreaterThanOrEqualTo(100_001);
      block.shorts().put(50_000, (short) 7);
      assertThat(block.shorts().get(50_000)).isEqualTo((short) 7);
      pool.giveBack(block);
    }
  }

  @Test
  void holdsAtMostTwiceWhatWasLentAtOnce() {
    try (NativePool pool = new NativePool()) {
      for (int size = 10_000; size < 1_000_000; size *= 2) {
        List<NativeBlock> blocks = new ArrayList<>();
        for (long lent = 0; lent < 4_000_000; lent += size) {
          blocks.add(pool.take(size));
        }
        blocks.forEach(pool::giveBack);
        assertThat(pool.lentBlocks()).isZero();
        assertThat(pool.heldBytes()).isLessThanOrEqualTo(2 * pool.peakLentBytes());
      }
    }
  }

  @Test
  void freesEverythingWhenClosed() {
    NativePool pool = new NativePool();
    pool.giveBack(pool.take(1 << 20));
    pool.close();
    assertThat(pool.heldBytes()).isZero();
  }
}

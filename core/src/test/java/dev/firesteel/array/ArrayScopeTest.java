package dev.firesteel.array;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ArrayScopeTest {
  private final CountingAllocator allocator = new CountingAllocator();
  private final ArrayPool pool = new ArrayPool(allocator);
  private final ArrayScope scope = new ArrayScope("step", pool);

  @Test
  void useAfterCloseThrows() {
    NdArray array = scope.allocate(DType.F32, Shape.of(2, 3));
    NdArray view = array.slice(0, 1);
    scope.close();
    assertThatThrownBy(array::storage)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("array [2, 3] is used after its scope closed; promote() what must outlive it");
    assertThatThrownBy(view::storage).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> array.reshape(Shape.of(6))).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void useThrowsEvenWhenTheBlockHasANewOwner() {
    NdArray array = scope.allocate(DType.F32, Shape.of(100));
    Storage block = array.storage();
    scope.close();
    try (ArrayScope next = new ArrayScope("next", pool)) {
      NdArray other = next.allocate(DType.F32, Shape.of(99));
      assertThat(other.storage()).isSameAs(block);
      assertThatThrownBy(array::storage).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void closedScopesRefuseToAllocate() {
    scope.close();
    scope.close();
    assertThatThrownBy(() -> scope.allocate(DType.F32, Shape.of(1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scope step is closed");
    assertThatThrownBy(() -> scope.child("micro-batch"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scope step is closed");
  }

  @Test
  void releaseEndsOneArrayAndItsViewsEarly() {
    NdArray array = scope.allocate(DType.F32, Shape.of(4));
    NdArray kept = scope.allocate(DType.F32, Shape.of(4));
    NdArray view = array.reshape(Shape.of(2, 2));
    scope.release(view);
    assertThatThrownBy(array::storage).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> scope.release(array)).isInstanceOf(IllegalStateException.class);
    assertThat(kept.storage()).isNotNull();
    assertThat(pool.lentBytes()).isEqualTo(16 * 4);
  }

  @Test
  void releaseRefusesTheArraysOfOthers() {
    ArrayScope other = new ArrayScope("other", pool);
    NdArray array = other.allocate(DType.F32, Shape.of(4));
    assertThat(scope.owns(array)).isFalse();
    assertThat(other.owns(array)).isTrue();
    assertThatThrownBy(() -> scope.release(array))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("scope step does not own the array F32[4] that it should release");
  }

  @Test
  void adoptedArraysEndWithTheirScopeAndAreNotThePools() {
    NdArray early = scope.adopt(new NdArray(HeapStorage.allocate(DType.F32, 4), 0, Shape.of(4)));
    NdArray late = scope.adopt(new NdArray(HeapStorage.allocate(DType.F32, 4), 0, Shape.of(4)));
    assertThat(scope.owns(early)).isTrue();
    scope.release(early);
    assertThatThrownBy(early::storage).isInstanceOf(IllegalStateException.class);
    assertThat(late.storage()).isNotNull();
    scope.close();
    assertThatThrownBy(late::storage).isInstanceOf(IllegalStateException.class);
    assertThat(pool.lentBytes()).isZero();
    assertThat(pool.peakBytes()).isZero();
    assertThatThrownBy(() -> scope.adopt(early)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void promotedArraysOutliveTheirScope() {
    ArrayScope child = scope.child("micro-batch");
    NdArray kept = child.promote(child.allocate(DType.F64, Shape.of(3)));
    NdArray lost = child.allocate(DType.F64, Shape.of(3));
    child.close();
    assertThat(kept.storage()).isNotNull();
    assertThat(scope.owns(kept)).isTrue();
    assertThatThrownBy(lost::storage).isInstanceOf(IllegalStateException.class);
    scope.close();
    assertThatThrownBy(kept::storage).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void promoteNeedsAParentAndItsOwnArray() {
    NdArray array = scope.allocate(DType.F32, Shape.of(4));
    assertThatThrownBy(() -> scope.promote(array))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scope step has no parent to promote to");
    assertThatThrownBy(() -> scope.child("micro-batch").promote(array))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("scope step/micro-batch does not own the array F32[4] that it should promote");
  }

  @Test
  void childrenEndWithTheirParent() {
    ArrayScope child = scope.child("micro-batch");
    NdArray array = child.child("layer").allocate(DType.F32, Shape.of(4));
    scope.close();
    assertThatThrownBy(array::storage).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> child.allocate(DType.F32, Shape.of(1)))
        .hasMessage("scope step/micro-batch is closed");
    assertThat(pool.lentBytes()).isZero();
  }

  @Test
  void reusesBlocksOfTheSameClassAndType() {
    Storage block = allocateAndClose(DType.F32, 1000);
    assertThat(allocateAndClose(DType.F32, 990)).isSameAs(block);
    assertThat(allocateAndClose(DType.F64, 1000)).isNotSameAs(block);
    assertThat(allocateAndClose(DType.F32, 100)).isNotSameAs(block);
    assertThat(allocateAndClose(DType.F32, 1000)).isSameAs(block);
  }

  @Test
  void repeatedStepsAllocateNothingNew() {
    int[] sizes = {1, 17, 300, 300, 4096, 5000};
    for (int step = 0; step < 5; step++) {
      try (ArrayScope repeated = new ArrayScope("step", pool)) {
        for (int size : sizes) {
          NdArray early = repeated.allocate(DType.F32, Shape.of(size));
          repeated.allocate(DType.I32, Shape.of(size));
          repeated.release(early);
        }
      }
      if (step == 0) {
        allocator.allocations = 0;
      }
    }
    assertThat(allocator.allocations).isZero();
    assertThat(pool.lentBytes()).isZero();
  }

  @Test
  void countsLentAndPeakBytes() {
    scope.allocate(DType.F32, Shape.of(16));
    try (ArrayScope child = scope.child("inner")) {
      child.allocate(DType.F64, Shape.of(32));
      assertThat(pool.lentBytes()).isEqualTo(16 * 4 + 32 * 8);
    }
    assertThat(pool.lentBytes()).isEqualTo(16 * 4);
    // A free block still counts: the process holds its memory.
    scope.allocate(DType.F32, Shape.of(64));
    assertThat(pool.peakBytes()).isEqualTo(16 * 4 + 32 * 8 + 64 * 4);
    scope.close();
    assertThat(pool.lentBytes()).isZero();
    assertThat(pool.peakBytes()).isEqualTo(16 * 4 + 32 * 8 + 64 * 4);
  }

  @Test
  void reusedBlocksHaveAnotherVersion() {
    NdArray array = scope.allocate(DType.F32, Shape.of(10));
    Storage block = array.storage();
    long version = block.version();
    scope.close();
    assertThat(block.version()).isGreaterThan(version);
  }

  @Test
  void closedPoolsFreeWhatComesBackAndLendNothing() {
    NdArray array = scope.allocate(DType.F32, Shape.of(10));
    allocateAndClose(DType.F32, 100);
    pool.close();
    assertThat(allocator.freed).hasSize(1);
    scope.release(array);
    assertThat(allocator.freed).hasSize(2);
    assertThatThrownBy(() -> scope.allocate(DType.F32, Shape.of(10)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("array pool is closed");
  }

  @Test
  void sizeClassesWasteAtMostAnEighth() {
    long previous = 0;
    for (long size = 1; size < 100_000; size++) {
      long rounded = ArrayPool.sizeClass(size);
      assertThat(rounded).isGreaterThanOrEqualTo(size).isGreaterThanOrEqualTo(previous);
      if (size > 16) {
        assertThat(rounded - size).as("waste of %s", size).isLessThanOrEqualTo(size / 8);
      }
      assertThat(ArrayPool.sizeClass(rounded)).as("class of %s", rounded).isEqualTo(rounded);
      previous = rounded;
    }
    assertThat(ArrayPool.sizeClass(1)).isEqualTo(16);
    assertThat(ArrayPool.sizeClass(17)).isEqualTo(18);
    assertThat(ArrayPool.sizeClass(1L << 33)).isEqualTo(1L << 33);
    assertThat(ArrayPool.sizeClass((1L << 33) + 1)).isEqualTo((1L << 33) + (1L << 30));
  }

  private Storage allocateAndClose(DType dtype, int size) {
    try (ArrayScope brief = new ArrayScope("brief", pool)) {
      return brief.allocate(dtype, Shape.of(size)).storage();
    }
  }

  private static final class CountingAllocator implements StorageAllocator {
    private int allocations;
    private final List<Storage> freed = new ArrayList<>();

    @Override
    public Storage allocate(DType dtype, long size) {
      allocations++;
      return HeapStorage.allocate(dtype, size);
    }

    @Override
    public void free(Storage storage) {
      freed.add(storage);
    }
  }
}

package dev.firesteel.backend.opencl;

import dev.firesteel.error.UserException;
import java.util.Arrays;

/**
 * The device's memory: arenas of floats, created on demand and each at least as large as all
 * previous ones together, and one array of integers. Blocks are allocated first fit.
 *
 * <p>Aparapi backs each buffer of the device with a Java array of the same size, so the Java heap
 * must hold as much as the device.
 */
final class DeviceMemory {
  /** Space at the start of each arena for a number that shows whether it is still the same. */
  static final int RESERVED = 32;

  /** The first arena, 64 MiB. */
  private static final int FIRST_ARENA = 1 << 24;

  /** Aparapi counts the bytes of an array in an int. */
  private static final int LARGEST_ARENA = Integer.MAX_VALUE / Float.BYTES / 1024 * 1024;

  private static final int FIRST_INTEGERS = 1 << 12;

  private final DeviceKernel kernel;
  private final String device;
  private final long deviceBytes;
  private final int largestArena;
  private final FreeRanges[] arenas = new FreeRanges[DeviceKernel.ARENAS];
  private final FreeRanges freeIntegers = new FreeRanges();
  private int made;
  private long arenaBytes;
  private long usedBytes;

  DeviceMemory(DeviceKernel kernel, String device, long deviceBytes, long largestBufferBytes) {
    this.kernel = kernel;
    this.device = device;
    this.deviceBytes = deviceBytes;
    this.largestArena = (int) Math.min(LARGEST_ARENA, largestBufferBytes / Float.BYTES);
    kernel.integers = new int[FIRST_INTEGERS];
    freeIntegers.add(0, FIRST_INTEGERS);
  }

  /** A block of floats; its content is undefined. */
  DeviceFloats allocateFloats(long size) {
    if (size > largestArena - 2 * RESERVED) {
      throw UserException.failure(
          "backend opencl holds arrays of up to "
              + (largestArena - 2 * RESERVED)
              + " floats on device "
              + device
              + ", got one of "
              + size
              + "; take a smaller batch or model");
    }
    int floats = (int) size;
    for (int n = 0; n < made; n++) {
      int offset = arenas[n].take(floats);
      if (offset >= 0) {
        return lent(n, offset, floats);
      }
    }
    makeArena(RESERVED + FreeRanges.rounded(floats));
    return lent(made - 1, arenas[made - 1].take(floats), floats);
  }

  private DeviceFloats lent(int arena, int offset, int size) {
    usedBytes += (long) FreeRanges.rounded(size) * Float.BYTES;
    return new DeviceFloats(arena, offset, size);
  }

  void free(DeviceFloats block) {
    int size = (int) block.size();
    arenas[block.arena()].giveBack(block.offset(), size);
    usedBytes -= (long) FreeRanges.rounded(size) * Float.BYTES;
  }

  private void makeArena(int needed) {
    long left = (deviceBytes - arenaBytes) / Float.BYTES;
    long wanted = Math.max(FIRST_ARENA, arenaBytes / Float.BYTES);
    int size = (int) Math.max(needed, Math.min(wanted, Math.min(left, largestArena)));
    if (made == DeviceKernel.ARENAS) {
      throw UserException.failure(
          "backend opencl holds data in "
              + DeviceKernel.ARENAS
              + " arenas of device "
              + device
              + ", "
              + mebibytes(arenaBytes)
              + " MiB in all, and needs "
              + mebibytes((long) needed * Float.BYTES)
              + " MiB more in one piece; take a smaller training.micro_batch_size, or"
              + " compute.recompute");
    }
    if (size > left) {
      throw UserException.failure(
          "backend opencl needs "
              + mebibytes((long) needed * Float.BYTES)
              + " MiB more in one piece; device "
              + device
              + " has "
              + mebibytes(deviceBytes)
              + " MiB, of which "
              + mebibytes(usedBytes)
              + " are in use and "
              + mebibytes(arenaBytes - usedBytes)
              + " are in smaller pieces; take a smaller training.micro_batch_size, or"
              + " compute.recompute");
    }
    try {
      kernel.arena(made, new float[size]);
    } catch (OutOfMemoryError e) {
      throw UserException.failure(
          "backend opencl needs "
              + mebibytes((long) size * Float.BYTES)
              + " MiB of Java heap for the same amount of memory on device "
              + device
              + ", and the heap has at most "
              + mebibytes(Runtime.getRuntime().maxMemory())
              + " MiB; increase it with -Xmx or the executor's memory",
          e);
    }
    arenas[made] = new FreeRanges();
    arenas[made].add(RESERVED, size - RESERVED);
    arenaBytes += (long) size * Float.BYTES;
    made++;
  }

  /** A block of integers. */
  DeviceIntegers allocateIntegers(long size) {
    int count = Math.toIntExact(size);
    int offset = freeIntegers.take(count);
    while (offset < 0) {
      int before = kernel.integers.length;
      kernel.integers = Arrays.copyOf(kernel.integers, Math.multiplyExact(before, 2));
      freeIntegers.add(before, before);
      offset = freeIntegers.take(count);
    }
    return new DeviceIntegers(offset, count);
  }

  void free(DeviceIntegers block) {
    freeIntegers.giveBack(block.offset(), (int) block.size());
  }

  /** Bytes of the arenas needed for {@code bytes}, or of all arenas if they do not suffice. */
  static long arenaBytes(long bytes) {
    long total = (long) FIRST_ARENA * Float.BYTES;
    for (int made = 1; made < DeviceKernel.ARENAS && total < bytes; made++) {
      total += Math.min(total, (long) LARGEST_ARENA * Float.BYTES);
    }
    return total;
  }

  /** The number of arenas. */
  int arenas() {
    return made;
  }

  /** Bytes of all arenas, allocated or free. */
  long arenaBytes() {
    return arenaBytes;
  }

  private static long mebibytes(long bytes) {
    return bytes >> 20;
  }
}

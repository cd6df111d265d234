package dev.firesteel.collective;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * Frames in transit from one process to another on the same machine, in a file that both map: a
 * ring of {@value #SLOTS} slots. One thread of one process writes, one of the other reads.
 *
 * <pre>
 * offset    0 16 bytes  nonce of the file
 *          64 long      frames published, by the writer
 *         128 long      frames released, by the reader
 *        4096           slots of {@link Frame#MAX_BYTES}, each on a page boundary
 * </pre>
 *
 * <p>Both counters only grow. A slot belongs to the reader from {@link #publish} to {@link
 * #release}; since the reader has at most {@code SLOTS - 1}, the writer always has one to fill. The
 * mapping is released when the garbage collector finds the ring unreachable.
 */
final class FrameRing {
  /** Slots of a ring: one being filled, one being read, the others to decouple the two sides. */
  static final int SLOTS = 4;

  static final int NONCE_BYTES = 16;

  private static final int PAGE_BYTES = 4096;
  private static final int SLOT_BYTES =
      (Frame.MAX_BYTES + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  private static final int PUBLISHED_AT = 64;
  private static final int RELEASED_AT = 128;

  /** Bytes of the file. */
  static final int FILE_BYTES = PAGE_BYTES + SLOTS * SLOT_BYTES;

  private static final VarHandle COUNTER =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

  private final ByteBuffer memory;
  private final ByteBuffer[] slots = new ByteBuffer[SLOTS];

  /** This side's own counter; the other side sees a copy of it. */
  private long count;

  private FrameRing(ByteBuffer memory) {
    this.memory = memory;
    for (int slot = 0; slot < SLOTS; slot++) {
      slots[slot] = memory.slice(PAGE_BYTES + slot * SLOT_BYTES, Frame.MAX_BYTES);
    }
  }

  /**
   * Creates an empty ring.
   *
   * @param file an empty file
   * @throws IOException if the file system's memory is exhausted: all of it is allocated here
   *     rather than on first touch of a page, which would kill the process
   */
  static FrameRing create(Path file, byte[] nonce) throws IOException {
    try (FileChannel channel = open(file)) {
      ByteBuffer zeros = ByteBuffer.allocateDirect(PAGE_BYTES);
      for (long left = FILE_BYTES; left > 0; left = FILE_BYTES - channel.position()) {
        channel.write(zeros.clear().limit((int) Math.min(left, PAGE_BYTES)));
      }
      ByteBuffer memory = map(channel);
      memory.put(0, nonce);
      return new FrameRing(memory);
    }
  }

  /**
   * Maps a ring created by another process.
   *
   * @throws IOException if there is no such file, or it does not have that nonce
   */
  static FrameRing open(Path file, byte[] nonce) throws IOException {
    try (FileChannel channel = open(file)) {
      if (channel.size() != FILE_BYTES) {
        throw new IOException(
            "%s must have %d bytes, got %d".formatted(file, FILE_BYTES, channel.size()));
      }
      ByteBuffer memory = map(channel);
      byte[] found = new byte[NONCE_BYTES];
      memory.get(0, found);
      if (!Arrays.equals(found, nonce)) {
        throw new IOException(file + " was not created by the process that announced it");
      }
      return new FrameRing(memory);
    }
  }

  private static FileChannel open(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static ByteBuffer map(FileChannel channel) throws IOException {
    return channel.map(FileChannel.MapMode.READ_WRITE, 0, FILE_BYTES);
  }

  /** For the writer: the slot to fill. */
  ByteBuffer free() {
    return slots[(int) (count % SLOTS)];
  }

  /** For the writer: passes the slot to the reader; false if the reader has the maximum already. */
  boolean publish() throws IOException {
    long held = count - (long) COUNTER.getAcquire(memory, RELEASED_AT);
    requireSound(held);
    if (held == SLOTS - 1) {
      return false;
    }
    count++;
    COUNTER.setRelease(memory, PUBLISHED_AT, count);
    return true;
  }

  /** For the reader: the next frame's slot; null if none is published. */
  ByteBuffer next() throws IOException {
    long held = (long) COUNTER.getAcquire(memory, PUBLISHED_AT) - count;
    requireSound(held);
    return held == 0 ? null : slots[(int) (count % SLOTS)];
  }

  /** For the reader: returns the slot of {@link #next} to the writer. */
  void release() {
    count++;
    COUNTER.setRelease(memory, RELEASED_AT, count);
  }

  private static void requireSound(long held) throws IOException {
    if (held < 0 || held >= SLOTS) {
      throw new IOException(
          "a counter in shared memory is corrupt: %d of %d frames would be in transit"
              .formatted(held, SLOTS - 1));
    }
  }
}

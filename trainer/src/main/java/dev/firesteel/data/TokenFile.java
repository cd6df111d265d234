package dev.firesteel.data;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;

/** A {@code .bin} file in memory-mapped windows; thread-safe. */
final class TokenFile {
  /** A mapped buffer ends at 2^31 - 1 bytes; a power of two keeps each token in one window. */
  private static final int WINDOW_BITS = 30;

  private final TokenEncoding encoding;
  private final ByteBuffer[] windows;

  TokenFile(File file, TokenEncoding encoding) throws IOException {
    this.encoding = encoding;
    try (FileChannel channel = FileChannel.open(file.toPath(), StandardOpenOption.READ)) {
      long size = channel.size();
      windows = new ByteBuffer[(int) ((size + (1L << WINDOW_BITS) - 1) >> WINDOW_BITS)];
      for (int i = 0; i < windows.length; i++) {
        long start = (long) i << WINDOW_BITS;
        // The map outlives the channel.
        windows[i] =
            channel
                .map(
                    FileChannel.MapMode.READ_ONLY, start, Math.min(size - start, 1L << WINDOW_BITS))
                .order(ByteOrder.LITTLE_ENDIAN);
      }
    }
  }

  /** Copies {@code length} tokens from the file's token {@code start} on. */
  void read(long start, int[] into, int offset, int length) {
    long position = start * encoding.bytes();
    for (int done = 0; done < length; ) {
      ByteBuffer window = windows[(int) (position >> WINDOW_BITS)];
      int at = (int) (position & ((1L << WINDOW_BITS) - 1));
      int count = Math.min(length - done, (window.limit() - at) / encoding.bytes());
      if (encoding == TokenEncoding.UINT16) {
        for (int i = 0; i < count; i++) {
          into[offset + done + i] = Short.toUnsignedInt(window.getShort(at + i * Short.BYTES));
        }
      } else {
        for (int i = 0; i < count; i++) {
          into[offset + done + i] = window.getInt(at + i * Integer.BYTES);
        }
      }
      done += count;
      position += (long) count * encoding.bytes();
    }
  }
}

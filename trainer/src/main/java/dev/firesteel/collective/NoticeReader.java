package dev.firesteel.collective;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.zip.CRC32C;

/**
 * Parses the stream of notices from one rank: each is its length, its CRC32C and its bytes. A
 * length of -1 announces that the rank closes normally.
 */
final class NoticeReader {
  private static final int HEADER_BYTES = 2 * Integer.BYTES;
  private static final int FAREWELL = -1;

  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 14);
  private boolean farewell;

  static ByteBuffer message(byte[] notice) {
    ByteBuffer message =
        ByteBuffer.allocate(HEADER_BYTES + notice.length)
            .putInt(notice.length)
            .putInt(checksum(notice))
            .put(notice);
    return message.flip();
  }

  static ByteBuffer farewell() {
    return ByteBuffer.allocate(HEADER_BYTES).putInt(FAREWELL).putInt(0).flip();
  }

  /** Reads what is available; false at the end of the stream. */
  boolean read(ReadableByteChannel channel) throws IOException {
    int count;
    do {
      count = channel.read(buffer);
    } while (count > 0);
    return count == 0;
  }

  /**
   * The next complete notice; null if there is none.
   *
   * @throws IOException if it is damaged
   */
  byte[] next() throws IOException {
    buffer.flip();
    try {
      return parse();
    } finally {
      buffer.compact();
    }
  }

  private byte[] parse() throws IOException {
    if (buffer.remaining() < HEADER_BYTES) {
      return null;
    }
    int length = buffer.getInt(buffer.position());
    if (length == FAREWELL) {
      farewell = true;
      buffer.position(buffer.limit());
      return null;
    }
    if (length < 0 || length > buffer.capacity() - HEADER_BYTES) {
      throw new IOException("a notice has the impossible length " + length);
    }
    if (buffer.remaining() < HEADER_BYTES + length) {
      return null;
    }
    buffer.getInt();
    int told = buffer.getInt();
    byte[] notice = new byte[length];
    buffer.get(notice);
    if (told != checksum(notice)) {
      throw new IOException("a notice failed its checksum");
    }
    return notice;
  }

  /** Whether the rank has announced that it closes. */
  boolean farewellCame() {
    return farewell;
  }

  private static int checksum(byte[] notice) {
    CRC32C checksum = new CRC32C();
    checksum.update(notice);
    return (int) checksum.getValue();
  }
}

package dev.firesteel.track;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.FSDataOutputStream;

/**
 * TensorFlow's file of records ({@code tensorflow/core/lib/io/record_writer.h}), little-endian:
 *
 * <pre>
 * uint64 length | uint32 masked CRC32C of length | byte data[length] | uint32 masked CRC32C of data
 * masked = ((crc &gt;&gt; 15) | (crc &lt;&lt; 17)) + 0xa282ead8
 * </pre>
 */
final class EventFile implements Closeable {
  private static final int MASK = 0xa282ead8;

  private final FSDataOutputStream out;
  private boolean flushed = true;

  EventFile(FSDataOutputStream out) {
    this.out = out;
  }

  /** Appends a record. */
  void write(byte[] data) throws IOException {
    ByteArrayOutputStream record = new ByteArrayOutputStream(data.length + 16);
    byte[] length = littleEndian(Long.BYTES).putLong(data.length).array();
    record.writeBytes(length);
    record.writeBytes(littleEndian(Integer.BYTES).putInt(maskedCrc(length)).array());
    record.writeBytes(data);
    record.writeBytes(littleEndian(Integer.BYTES).putInt(maskedCrc(data)).array());
    out.write(record.toByteArray()); // At once: a reader may be looking.
    flushed = false;
  }

  /** Makes the records visible to readers, where the file system can before the file is closed. */
  void flush() throws IOException {
    if (!flushed) {
      out.hflush();
      flushed = true;
    }
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The checksum that a record has of some bytes. */
  static int maskedCrc(byte[] data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    int value = (int) crc.getValue();
    return Integer.rotateRight(value, 15) + MASK;
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}

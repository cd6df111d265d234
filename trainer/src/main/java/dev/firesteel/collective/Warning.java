package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * An out-of-band notice from a rank to the others: it has failed, or it suspects another.
 *
 * @param failure null for a suspicion
 * @param suspect the rank that the sender is waiting for; -1 for a failure
 */
record Warning(CollectiveFailure failure, int suspect) {
  private static final byte FAILED = 0;
  private static final byte SUSPECTS = 1;

  static byte[] failed(CollectiveFailure failure) {
    byte[] content = failure.toBytes();
    byte[] bytes = new byte[1 + content.length];
    bytes[0] = FAILED;
    System.arraycopy(content, 0, bytes, 1, content.length);
    return bytes;
  }

  static byte[] suspects(int rank) {
    return ByteBuffer.allocate(1 + Integer.BYTES).put(SUSPECTS).putInt(rank).array();
  }

  static Warning of(byte[] bytes) {
    if (bytes[0] == FAILED) {
      byte[] content = Arrays.copyOfRange(bytes, 1, bytes.length);
      return new Warning(CollectiveFailure.fromBytes(content), -1);
    }
    return new Warning(null, ByteBuffer.wrap(bytes).getInt(1));
  }
}

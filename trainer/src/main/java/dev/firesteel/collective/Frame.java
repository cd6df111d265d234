package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * The unit that a {@link Transport} moves: a header of {@value #HEADER_BYTES} bytes and a payload
 * of at most {@value #MAX_PAYLOAD_BYTES}, little-endian.
 *
 * <pre>
 * offset  0 int  magic           32 long elements of the call's operand
 *         4 int  kind of call    40 int  exchange within the call
 *         8 long attempt      44 int  frame within the exchange
 *        16 long step            48 int  bytes of payload
 *        24 long number of call  52 int  CRC32C of the payload
 *                                60 int  CRC32C of bytes 0 to 59
 * </pre>
 */
public final class Frame {
  /** Bytes of the header. */
  public static final int HEADER_BYTES = 64;

  /** Bytes of the largest payload: an outgoing and an incoming one fit into a cache together. */
  public static final int MAX_PAYLOAD_BYTES = 1 << 20;

  /** Bytes of the largest frame: the size of a transport's buffers. */
  public static final int MAX_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

  private static final int MAGIC = 0x46534631;
  private static final int MAGIC_AT = 0;
  private static final int KIND_AT = 4;
  private static final int ATTEMPT_AT = 8;
  private static final int STEP_AT = 16;
  private static final int SEQUENCE_AT = 24;
  private static final int OPERAND_AT = 32;
  private static final int EXCHANGE_AT = 40;
  private static final int FRAME_AT = 44;
  private static final int LENGTH_AT = 48;
  private static final int PAYLOAD_CHECKSUM_AT = 52;
  private static final int RESERVED_AT = 56;
  private static final int HEADER_CHECKSUM_AT = 60;

  private Frame() {}

  /**
   * What all frames of one call have in common.
   *
   * @param sequence the number of the call, from 0
   * @param operand the operand's number of elements; 0 if it may differ between ranks
   */
  record CallId(CallKind kind, long attempt, long step, long sequence, long operand) {
    /** For messages: identifies the call. */
    String text() {
      return describe(kind.code(), operand, sequence);
    }
  }

  private static String describe(int kind, long operand, long sequence) {
    return "%s of %d (call %d)".formatted(CallKind.name(kind), operand, sequence);
  }

  /** Writes the header before the payload, which lies between it and the buffer's position. */
  static void seal(ByteBuffer frame, CallId call, int exchange, int index, CRC32C checksum) {
    int end = frame.position();
    frame.order(ByteOrder.LITTLE_ENDIAN);
    frame.putInt(MAGIC_AT, MAGIC);
    frame.putInt(KIND_AT, call.kind().code());
    frame.putLong(ATTEMPT_AT, call.attempt());
    frame.putLong(STEP_AT, call.step());
    frame.putLong(SEQUENCE_AT, call.sequence());
    frame.putLong(OPERAND_AT, call.operand());
    frame.putInt(EXCHANGE_AT, exchange);
    frame.putInt(FRAME_AT, index);
    frame.putInt(LENGTH_AT, end - HEADER_BYTES);
    frame.putInt(PAYLOAD_CHECKSUM_AT, checksum(frame, HEADER_BYTES, end, checksum));
    frame.putInt(RESERVED_AT, 0);
    frame.putInt(HEADER_CHECKSUM_AT, checksum(frame, 0, HEADER_CHECKSUM_AT, checksum));
  }

  /** Describes an error in the header's own bytes; null if there is none. */
  static String damage(ByteBuffer frame, CRC32C checksum) {
    frame.order(ByteOrder.LITTLE_ENDIAN);
    int computed = checksum(frame, 0, HEADER_CHECKSUM_AT, checksum);
    if (frame.getInt(MAGIC_AT) != MAGIC) {
      return "it begins with %08x instead of %08x".formatted(frame.getInt(MAGIC_AT), MAGIC);
    }
    return computed == frame.getInt(HEADER_CHECKSUM_AT)
        ? null
        : mismatch("header", frame.getInt(HEADER_CHECKSUM_AT), computed);
  }

  /** Describes an error in the payload of a complete frame; null if there is none. */
  static String payloadDamage(ByteBuffer frame, CRC32C checksum) {
    int computed = checksum(frame, HEADER_BYTES, frame.limit(), checksum);
    return computed == frame.getInt(PAYLOAD_CHECKSUM_AT)
        ? null
        : mismatch("payload", frame.getInt(PAYLOAD_CHECKSUM_AT), computed);
  }

  private static String mismatch(String part, int told, int computed) {
    return "its %s has the checksum %08x, its header says %08x".formatted(part, computed, told);
  }

  /** How an undamaged header differs from the expected one; null if it does not. */
  static String difference(
      ByteBuffer frame, CallId call, int exchange, int index, int payloadBytes) {
    if (frame.getLong(ATTEMPT_AT) != call.attempt()) {
      return "expected attempt %d, got attempt %d"
          .formatted(call.attempt(), frame.getLong(ATTEMPT_AT));
    }
    boolean sameCall =
        frame.getInt(KIND_AT) == call.kind().code()
            && frame.getLong(SEQUENCE_AT) == call.sequence()
            && frame.getLong(OPERAND_AT) == call.operand()
            && frame.getLong(STEP_AT) == call.step();
    if (!sameCall) {
      return "expected %s at step %d, got %s at step %d"
          .formatted(
              call.text(),
              call.step(),
              describe(
                  frame.getInt(KIND_AT), frame.getLong(OPERAND_AT), frame.getLong(SEQUENCE_AT)),
              frame.getLong(STEP_AT));
    }
    boolean samePlace =
        frame.getInt(EXCHANGE_AT) == exchange
            && frame.getInt(FRAME_AT) == index
            && frame.getInt(LENGTH_AT) == payloadBytes;
    return samePlace
        ? null
        : "expected frame %d of exchange %d with %d bytes, got frame %d of exchange %d with %d bytes"
            .formatted(
                index,
                exchange,
                payloadBytes,
                frame.getInt(FRAME_AT),
                frame.getInt(EXCHANGE_AT),
                frame.getInt(LENGTH_AT));
  }

  private static int checksum(ByteBuffer frame, int begin, int end, CRC32C checksum) {
    int position = frame.position();
    int limit = frame.limit();
    checksum.reset();
    frame.limit(end).position(begin);
    checksum.update(frame);
    frame.limit(limit).position(position);
    return (int) checksum.getValue();
  }
}

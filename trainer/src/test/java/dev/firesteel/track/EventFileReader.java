package dev.firesteel.track;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Reads event files as TensorBoard does, with checksums and restarts; shares no code with main. */
final class EventFileReader {
  private EventFileReader() {}

  /** A message by its field numbers: numbers, and bytes. */
  record Message(Map<Integer, List<Object>> fields) {
    static Message parse(byte[] bytes) throws IOException {
      Map<Integer, List<Object>> fields = new TreeMap<>();
      CodedInputStream in = CodedInputStream.newInstance(bytes);
      for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
        Object value =
            switch (WireFormat.getTagWireType(tag)) {
              case WireFormat.WIRETYPE_VARINT -> in.readInt64();
              case WireFormat.WIRETYPE_FIXED64 -> in.readDouble();
              case WireFormat.WIRETYPE_FIXED32 -> (double) in.readFloat();
              case WireFormat.WIRETYPE_LENGTH_DELIMITED -> in.readByteArray();
              default -> throw new IOException("unknown wire type of tag " + tag);
            };
        fields
            .computeIfAbsent(WireFormat.getTagFieldNumber(tag), field -> new ArrayList<>())
            .add(value);
      }
      return new Message(fields);
    }

    boolean has(int field) {
      return fields.containsKey(field);
    }

    double number(int field) {
      return has(field) ? ((Number) fields.get(field).get(0)).doubleValue() : 0;
    }

    byte[] bytes(int field) {
      return (byte[]) fields.get(field).get(0);
    }

    String text(int field) {
      return new String(bytes(field), StandardCharsets.UTF_8);
    }

    Message message(int field) throws IOException {
      return parse(bytes(field));
    }

    List<Double> packed(int field) {
      ByteBuffer in = ByteBuffer.wrap(bytes(field)).order(ByteOrder.LITTLE_ENDIAN);
      List<Double> values = new ArrayList<>();
      while (in.hasRemaining()) {
        values.add(in.getDouble());
      }
      return values;
    }
  }

  /** A value of a summary at a step. */
  record Value(long step, Message message) {
    String tag() {
      return message.text(1);
    }
  }

  /** The files of a folder, in the order in which TensorBoard reads them. */
  static List<Path> files(FileSystem fs, Path folder) throws IOException {
    return Arrays.stream(fs.listStatus(folder))
        .map(FileStatus::getPath)
        .filter(path -> path.getName().contains("tfevents"))
        .sorted(Comparator.comparing(Path::getName))
        .toList();
  }

  /** The events of a file; a last record that is not whole is left out. */
  static List<Message> events(FileSystem fs, Path file) throws IOException {
    List<Message> events = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(fs.open(file))) {
      while (true) {
        byte[] length = in.readNBytes(8);
        if (length.length == 0) {
          return events;
        }
        check(length, in);
        long size = ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
        byte[] data = in.readNBytes(Math.toIntExact(size));
        check(data, in);
        events.add(Message.parse(data));
      }
    } catch (EOFException e) {
      return events;
    }
  }

  private static void check(byte[] data, DataInputStream in) throws IOException {
    CRC32C crc = new CRC32C();
    crc.update(data);
    long sum = crc.getValue();
    long masked = (((sum >>> 15) | (sum << 17)) + 0xa282ead8L) & 0xffffffffL;
    long stored = Integer.toUnsignedLong(Integer.reverseBytes(in.readInt()));
    if (stored != masked) {
      throw new IOException("a record must have the checksum %x, got %x".formatted(masked, stored));
    }
  }

  /** The values of all files: a session that starts replaces those from its step on. */
  static List<Value> values(FileSystem fs, Path folder) throws IOException {
    List<Value> values = new ArrayList<>();
    for (Path file : files(fs, folder)) {
      for (Message event : events(fs, file)) {
        long step = (long) event.number(2);
        if (event.has(7) && event.message(7).number(1) == 1) {
          values.removeIf(value -> value.step() >= step);
        }
        if (event.has(5)) {
          values.add(new Value(step, event.message(5).message(1)));
        }
      }
    }
    return values;
  }
}

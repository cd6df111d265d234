package dev.firesteel.track;

import com.google.protobuf.CodedOutputStream;
import dev.firesteel.metrics.Histogram;
import dev.firesteel.metrics.Metric;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * TensorBoard's messages {@code Event} and {@code Summary} in protobuf's wire format; the field
 * numbers are those of {@code tensorboard/compat/proto/event.proto} and {@code summary.proto}.
 * TensorBoard converts {@code simple_value} and {@code histo} to its newer forms when it reads them
 * ({@code tensorboard/data_compat.py}), so both old and new versions show them.
 */
final class EventMessage {
  private static final String VERSION = "brain.Event:2";
  private static final int SESSION_START = 1;
  private static final int STRING_TYPE = 7;

  private EventMessage() {}

  /** Writes the fields of a message. */
  @FunctionalInterface
  private interface Fields {
    void write(CodedOutputStream out) throws IOException;
  }

  /** The first record of a file. */
  static byte[] version(double seconds) {
    return message(
        out -> {
          out.writeDouble(1, seconds);
          out.writeString(3, VERSION);
        });
  }

  /** A session begins: readers forget what earlier ones reported at {@code step} and later. */
  static byte[] sessionStart(double seconds, long step) {
    return event(seconds, step, 7, session -> session.writeEnum(1, SESSION_START));
  }

  /**
   * A number.
   *
   * @param described whether to add the metric's label and unit, once per file
   */
  static byte[] scalar(double seconds, long step, Metric metric, double value, boolean described) {
    return summary(
        seconds,
        step,
        metric.key(),
        out -> {
          out.writeFloat(2, (float) value);
          if (described) {
            out.writeByteArray(9, metadata("scalars", metric.label(), metric.unit().symbol()));
          }
        });
  }

  /** A text in Markdown. */
  static byte[] text(double seconds, long step, String tag, String text) {
    byte[] dimension = message(out -> out.writeInt64(1, 1));
    byte[] shape = message(out -> out.writeByteArray(2, dimension));
    byte[] tensor =
        message(
            out -> {
              out.writeEnum(1, STRING_TYPE);
              out.writeByteArray(2, shape);
              out.writeByteArray(8, text.getBytes(StandardCharsets.UTF_8));
            });
    return summary(
        seconds,
        step,
        tag,
        out -> {
          out.writeByteArray(8, tensor);
          out.writeByteArray(9, metadata("text", "", ""));
        });
  }

  /** A distribution. */
  static byte[] histogram(double seconds, long step, Histogram histogram) {
    byte[] histo =
        message(
            out -> {
              out.writeDouble(1, histogram.min());
              out.writeDouble(2, histogram.max());
              out.writeDouble(3, histogram.count());
              out.writeDouble(4, histogram.sum());
              out.writeDouble(5, histogram.sumOfSquares());
              out.writeByteArray(6, packed(histogram.limits()));
              out.writeByteArray(7, packed(histogram.counts()));
            });
    return summary(seconds, step, histogram.name(), out -> out.writeByteArray(5, histo));
  }

  private static byte[] packed(List<Double> values) {
    return message(
        out -> {
          for (double value : values) {
            out.writeDoubleNoTag(value);
          }
        });
  }

  private static byte[] metadata(String plugin, String label, String description) {
    byte[] data = message(out -> out.writeString(1, plugin));
    return message(
        out -> {
          out.writeByteArray(1, data);
          out.writeString(2, label);
          out.writeString(3, description);
        });
  }

  private static byte[] summary(double seconds, long step, String tag, Fields fields) {
    byte[] value =
        message(
            out -> {
              out.writeString(1, tag);
              fields.write(out);
            });
    return event(seconds, step, 5, out -> out.writeByteArray(1, value));
  }

  private static byte[] event(double seconds, long step, int field, Fields fields) {
    byte[] content = message(fields);
    return message(
        out -> {
          out.writeDouble(1, seconds);
          out.writeInt64(2, step);
          out.writeByteArray(field, content);
        });
  }

  private static byte[] message(Fields fields) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    try {
      fields.write(out);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
    return bytes.toByteArray();
  }
}

package dev.firesteel.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The optimizer's segments in {@code trainer/}: {@code layout.json} says which parameter lies where
 * in a segment; {@code optimizer-00001-of-0000N.safetensors} hold a range each of every segment,
 * with the range's first element in the global segment as metadata. How many files there are, and
 * where the cuts lie, need not be what the reader would have written.
 */
final class OptimizerFiles {
  private static final String LAYOUT = "trainer/layout.json";
  private static final String BEGIN = "begin";
  private static final String SIZE = "segment_size";

  private OptimizerFiles() {}

  /** One parameter's place in a segment. */
  record Place(String name, List<Integer> shape, long offset) {
    Place {
      shape = List.copyOf(shape);
    }

    @Override
    public String toString() {
      return name + shape + " at " + offset;
    }
  }

  static void writeLayout(CheckpointWriter writer, ParameterSet parameters) throws IOException {
    writer.write(LAYOUT, CheckpointManifest.JSON.writeValueAsString(places(parameters)) + "\n");
  }

  /** Writes elements {@code [begin, end)} of each segment as file {@code part} of {@code parts}. */
  static void write(
      CheckpointWriter writer,
      Map<String, Segment> segments,
      long begin,
      long end,
      int part,
      int parts)
      throws IOException {
    List<TensorSource> tensors = new ArrayList<>();
    long size = 0;
    for (Map.Entry<String, Segment> entry : segments.entrySet()) {
      tensors.add(new SegmentRange(entry.getKey(), entry.getValue(), begin, end));
      size = entry.getValue().parameters().segmentSize();
    }
    try (OutputStream out =
        writer.create(
            String.format(
                Locale.ROOT, "trainer/optimizer-%05d-of-%05d.safetensors", part, parts))) {
      Safetensors.write(
          tensors, Map.of(BEGIN, Long.toString(begin), SIZE, Long.toString(size)), out);
    }
  }

  /**
   * Overwrites segments, bit for bit.
   *
   * @throws UserException if the layout is another, or a range is missing
   */
  static void read(Checkpoint checkpoint, ParameterSet parameters, Map<String, Segment> segments)
      throws IOException {
    checkLayout(checkpoint, parameters);
    long covered = 0;
    for (String file : checkpoint.files()) {
      if (!file.startsWith("trainer/optimizer-")) {
        continue;
      }
      try (SafetensorsFile tensors = checkpoint.tensors(file)) {
        long begin = Long.parseLong(tensors.metadata().get(BEGIN));
        for (Map.Entry<String, Segment> entry : segments.entrySet()) {
          read(tensors, entry.getKey(), entry.getValue(), begin);
        }
        covered += tensors.tensors().get(segments.keySet().iterator().next()).shape().size();
      }
    }
    if (covered != parameters.segmentSize()) {
      throw UserException.failure(
          "the optimizer's state in %s must cover %d elements, got %d"
              .formatted(checkpoint, parameters.segmentSize(), covered));
    }
  }

  private static void read(SafetensorsFile file, String name, Segment segment, long begin)
      throws IOException {
    long size = file.tensors().get(name).shape().size();
    float[] buffer = new float[(int) Math.min(size, Safetensors.BUFFER_ELEMENTS)];
    for (long from = 0; from < size; from += buffer.length) {
      int count = (int) Math.min(buffer.length, size - from);
      file.read(name, from, buffer, count);
      segment
          .parameters()
          .backend()
          .upload(buffer, 0, segment.range(begin + from, begin + from + count));
    }
  }

  private static void checkLayout(Checkpoint checkpoint, ParameterSet parameters) {
    List<Place> saved;
    try {
      saved =
          CheckpointManifest.JSON.readValue(
              checkpoint.text(LAYOUT), new TypeReference<List<Place>>() {});
    } catch (JsonProcessingException e) {
      throw UserException.failure(
          "%s/%s must be a list of parameters, got something else".formatted(checkpoint, LAYOUT),
          e);
    }
    List<Place> wanted = places(parameters);
    for (int i = 0; i < Math.max(saved.size(), wanted.size()); i++) {
      Place got = i < saved.size() ? saved.get(i) : null;
      Place required = i < wanted.size() ? wanted.get(i) : null;
      if (got == null || !got.equals(required)) {
        throw UserException.failure(
            "%s is the checkpoint of another model: parameter %d must be %s, got %s"
                .formatted(
                    checkpoint,
                    i,
                    required == null ? "none" : required,
                    got == null ? "none" : got));
      }
    }
  }

  private static List<Place> places(ParameterSet parameters) {
    List<Place> places = new ArrayList<>();
    for (Parameter parameter : parameters.parameters()) {
      places.add(
          new Place(
              parameter.name(),
              Arrays.stream(parameter.shape().toArray()).boxed().toList(),
              parameter.offset()));
    }
    return places;
  }

  /** A range of a segment as a tensor of rank 1. */
  private record SegmentRange(String name, Segment segment, long begin, long end)
      implements TensorSource {
    @Override
    public Shape shape() {
      return Shape.of(Math.toIntExact(end - begin));
    }

    @Override
    public void read(long from, float[] into, int count) {
      long start = begin + from;
      segment.parameters().backend().download(segment.range(start, start + count), into, 0);
    }
  }
}

package dev.firesteel.checkpoint.state;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.SegmentRange;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * An optimizer's moments in a folder of a checkpoint, {@code trainer/} for its first model: {@code
 * layout.json} records the position of each trained parameter in a segment; the files {@code
 * optimizer-00001-of-0000N.safetensors} contain the moments of ranges of the segment, concatenated,
 * with the ranges as metadata: {@code begin} lists their first elements in the segment and {@code
 * length} their lengths, both in order and separated by commas. The number of files and their
 * ranges need not match what the reader would have written.
 */
final class OptimizerFiles {
  private static final String LAYOUT = "layout.json";
  private static final String BEGIN = "begin";
  private static final String LENGTH = "length";
  private static final String SIZE = "segment_size";

  private OptimizerFiles() {}

  /** One parameter's position in a segment. */
  record Place(String name, List<Integer> shape, long offset) {
    Place {
      shape = List.copyOf(shape);
    }

    @Override
    public String toString() {
      return name + shape + " at " + offset;
    }
  }

  static void writeLayout(CheckpointWriter writer, String folder, ParameterSet parameters)
      throws IOException {
    writer.write(
        folder + LAYOUT, CheckpointManifest.JSON.writeValueAsString(places(parameters)) + "\n");
  }

  /** Writes one rank's moments as file {@code part} of {@code parts}, counted from 1. */
  static void write(
      CheckpointWriter writer, String folder, OptimizerState optimizer, int part, int parts)
      throws IOException {
    ArrayMemory memory = optimizer.memory();
    List<TensorSource> tensors = new ArrayList<>();
    optimizer.moments().forEach((name, array) -> tensors.add(new Array(name, array, memory)));
    Map<String, String> metadata =
        Map.of(
            BEGIN, commaSeparated(optimizer.owned(), SegmentRange::begin),
            LENGTH, commaSeparated(optimizer.owned(), SegmentRange::size),
            SIZE, Long.toString(optimizer.parameters().trainedSize()));
    String name =
        String.format(Locale.ROOT, "%soptimizer-%05d-of-%05d.safetensors", folder, part, parts);
    try (OutputStream out = writer.create(name)) {
      Safetensors.write(tensors, metadata, out);
    }
  }

  /**
   * Overwrites the moments of the ranges that {@code optimizer} owns, bit for bit.
   *
   * @throws UserException if the layout differs, or a range is missing
   */
  static void read(Checkpoint checkpoint, String folder, OptimizerState optimizer)
      throws IOException {
    checkLayout(checkpoint, folder + LAYOUT, optimizer.parameters());
    long missing = optimizer.owned().stream().mapToLong(SegmentRange::size).sum();
    for (String file : checkpoint.files()) {
      if (!file.startsWith(folder + "optimizer-")) {
        continue;
      }
      try (SafetensorsFile tensors = checkpoint.tensors(file)) {
        long at = 0;
        for (SegmentRange saved : ranges(tensors)) {
          missing -= read(tensors, saved, at, optimizer);
          at += saved.size();
        }
      }
    }
    if (missing != 0) {
      throw UserException.failure(
          "the optimizer's state in %s must cover all %d elements, but %d are missing"
              .formatted(checkpoint, optimizer.parameters().trainedSize(), missing));
    }
  }

  /** Reads what the optimizer owns of a saved range; returns how many elements that was. */
  private static long read(
      SafetensorsFile file, SegmentRange saved, long at, OptimizerState optimizer)
      throws IOException {
    ArrayMemory memory = optimizer.memory();
    long read = 0;
    long into = 0;
    for (SegmentRange owned : optimizer.owned()) {
      long begin = Math.max(saved.begin(), owned.begin());
      long end = Math.min(saved.end(), owned.end());
      if (begin < end) {
        for (Map.Entry<String, NdArray> entry : optimizer.moments().entrySet()) {
          int first = Math.toIntExact(into + begin - owned.begin());
          NdArray target = entry.getValue().slice(first, first + (int) (end - begin));
          read(file, entry.getKey(), at + begin - saved.begin(), target, memory);
        }
        read += end - begin;
      }
      into += owned.size();
    }
    return read;
  }

  private static void read(
      SafetensorsFile file, String name, long at, NdArray target, ArrayMemory memory)
      throws IOException {
    int size = Math.toIntExact(target.size());
    float[] buffer = new float[Math.min(size, Safetensors.BUFFER_ELEMENTS)];
    for (int from = 0; from < size; from += buffer.length) {
      int count = Math.min(buffer.length, size - from);
      file.read(name, at + from, buffer, count);
      memory.upload(buffer, 0, target.slice(from, from + count));
    }
  }

  private static String commaSeparated(
      List<SegmentRange> ranges, ToLongFunction<SegmentRange> number) {
    return ranges.stream()
        .map(range -> Long.toString(number.applyAsLong(range)))
        .collect(Collectors.joining(","));
  }

  /** The ranges of a file; a file without lengths holds a single range. */
  private static List<SegmentRange> ranges(SafetensorsFile file) {
    String length = file.metadata().get(LENGTH);
    if (length == null) {
      long begin = Long.parseLong(file.metadata().get(BEGIN));
      return List.of(
          new SegmentRange(begin, begin + file.tensors().get("first_moments").shape().size()));
    }
    List<SegmentRange> ranges = new ArrayList<>();
    String[] begins = split(file.metadata().get(BEGIN));
    String[] lengths = split(length);
    for (int i = 0; i < begins.length; i++) {
      long begin = Long.parseLong(begins[i]);
      ranges.add(new SegmentRange(begin, begin + Long.parseLong(lengths[i])));
    }
    return ranges;
  }

  private static String[] split(String numbers) {
    return numbers.isEmpty() ? new String[0] : numbers.split(",", -1);
  }

  private static void checkLayout(Checkpoint checkpoint, String layout, ParameterSet parameters) {
    List<Place> saved;
    try {
      saved =
          CheckpointManifest.JSON.readValue(
              checkpoint.text(layout), new TypeReference<List<Place>>() {});
    } catch (JsonProcessingException e) {
      throw UserException.failure(
          "%s/%s must be a list of parameters".formatted(checkpoint, layout), e);
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
    for (Parameter parameter : parameters.trained()) {
      places.add(
          new Place(
              parameter.name(),
              Arrays.stream(parameter.shape().toArray()).boxed().toList(),
              parameter.offset()));
    }
    return places;
  }

  /** A one-dimensional array as a tensor. */
  private record Array(String name, NdArray array, ArrayMemory memory) implements TensorSource {
    @Override
    public Shape shape() {
      return array.shape();
    }

    @Override
    public void read(long from, float[] into, int count) {
      int first = Math.toIntExact(from);
      memory.download(array.slice(first, first + count), into, 0);
    }
  }
}

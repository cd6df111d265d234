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
import dev.firesteel.optim.StateArray;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * An optimizer's state in a folder of a checkpoint, {@code trainer/} for its first model: {@code
 * layout.json} records the position of each trained parameter in a segment; the files {@code
 * optimizer-00001-of-0000N.safetensors} contain its arrays, each rank's ranges of them
 * concatenated, with the ranges as metadata: {@code begin} lists their first elements, in the
 * segment for an array with one number per weight, and {@code length} their lengths, both in order
 * and separated by commas; {@code NAME.begin} and {@code NAME.length} those of an array whose
 * ranges differ. Arrays that all ranks hold alike are in the first file. What one array cannot hold
 * is in several, {@code NAME}, {@code NAME.2} and so on. The number of files and their ranges need
 * not match what the reader would have written.
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

  /** Writes one rank's state as file {@code part} of {@code parts}, counted from 1. */
  static void write(
      CheckpointWriter writer, String folder, OptimizerState optimizer, int part, int parts)
      throws IOException {
    List<StateArray> arrays =
        optimizer.arrays().stream().filter(array -> part == 1 || !array.replicated()).toList();
    List<SegmentRange> shared = arrays.isEmpty() ? List.of() : arrays.get(0).ranges();
    Map<String, String> metadata = new HashMap<>();
    metadata.put(SIZE, Long.toString(optimizer.parameters().trainedSize()));
    put(metadata, "", shared);
    for (StateArray array : arrays) {
      if (!array.ranges().equals(shared)) {
        put(metadata, array.tensor() + ".", array.ranges());
      }
    }
    String name =
        String.format(Locale.ROOT, "%soptimizer-%05d-of-%05d.safetensors", folder, part, parts);
    try (OutputStream out = writer.create(name)) {
      Safetensors.write(arrays.stream().map(Array::new).toList(), metadata, out);
    }
  }

  private static void put(Map<String, String> metadata, String prefix, List<SegmentRange> ranges) {
    metadata.put(prefix + BEGIN, commaSeparated(ranges, SegmentRange::begin));
    metadata.put(prefix + LENGTH, commaSeparated(ranges, SegmentRange::size));
  }

  /**
   * Overwrites this rank's part of the state, bit for bit.
   *
   * @throws UserException if the layout differs, or a range is missing
   */
  static void read(Checkpoint checkpoint, String folder, OptimizerState optimizer)
      throws IOException {
    checkLayout(checkpoint, folder + LAYOUT, optimizer.parameters());
    Map<String, Long> missing = new LinkedHashMap<>();
    for (StateArray array : optimizer.arrays()) {
      missing.put(array.tensor(), array.array().size());
    }
    for (String file : checkpoint.files()) {
      if (!file.startsWith(folder + "optimizer-")) {
        continue;
      }
      try (SafetensorsFile tensors = checkpoint.tensors(file)) {
        for (StateArray array : optimizer.arrays()) {
          for (String tensor : tensors.tensors().keySet()) {
            if (StateArray.nameOf(tensor).equals(array.name())) {
              missing.merge(array.tensor(), -read(tensors, tensor, array), Long::sum);
            }
          }
        }
      }
    }
    for (StateArray array : optimizer.arrays()) {
      if (missing.get(array.tensor()) != 0) {
        throw UserException.failure(
            "the optimizer's state in %s must cover all %d elements of %s, but %d are missing"
                .formatted(
                    checkpoint, array.array().size(), array.tensor(), missing.get(array.tensor())));
      }
    }
  }

  /** Reads what an array holds of a tensor in a file; returns how many elements that was. */
  private static long read(SafetensorsFile file, String tensor, StateArray array)
      throws IOException {
    long read = 0;
    long at = 0;
    for (SegmentRange saved : ranges(file, tensor)) {
      long into = 0;
      for (SegmentRange held : array.ranges()) {
        long begin = Math.max(saved.begin(), held.begin());
        long end = Math.min(saved.end(), held.end());
        if (begin < end) {
          int first = Math.toIntExact(into + begin - held.begin());
          NdArray target = array.array().slice(first, first + (int) (end - begin));
          read(file, tensor, at + begin - saved.begin(), target, array.memory());
          read += end - begin;
        }
        into += held.size();
      }
      at += saved.size();
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

  /** The ranges of an array in a file; a file without lengths holds a single range. */
  private static List<SegmentRange> ranges(SafetensorsFile file, String name) {
    Map<String, String> metadata = file.metadata();
    String prefix = metadata.containsKey(name + "." + BEGIN) ? name + "." : "";
    String length = metadata.get(prefix + LENGTH);
    if (length == null) {
      long begin = Long.parseLong(metadata.get(BEGIN));
      return List.of(new SegmentRange(begin, begin + file.tensors().get(name).shape().size()));
    }
    List<SegmentRange> ranges = new ArrayList<>();
    String[] begins = split(metadata.get(prefix + BEGIN));
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

  /** An array of the state as a tensor. */
  private record Array(StateArray state) implements TensorSource {
    @Override
    public String name() {
      return state.tensor();
    }

    @Override
    public Shape shape() {
      return state.array().shape();
    }

    @Override
    public void read(long from, float[] into, int count) {
      int first = Math.toIntExact(from);
      state.memory().download(state.array().slice(first, first + count), into, 0);
    }
  }
}

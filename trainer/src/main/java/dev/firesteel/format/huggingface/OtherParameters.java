package dev.firesteel.format.huggingface;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.format.safetensors.TensorInfo;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The parameters of a model that have no Hugging Face name ({@link HuggingFaceNames#others}), such
 * as heads and adapters: in a file of their own under their own names, in a folder where programs
 * that read all safetensors files of a model directory do not look. A model without such parameters
 * has no such file.
 */
final class OtherParameters {
  static final String FILE = "firesteel/parameters.safetensors";

  private OtherParameters() {}

  static void write(CheckpointWriter writer, LanguageModel model, Segment weights)
      throws IOException {
    List<Whole> tensors =
        HuggingFaceNames.others(model).stream()
            .map((Parameter parameter) -> new Whole(parameter, weights))
            .toList();
    if (tensors.isEmpty()) {
      return;
    }
    try (OutputStream out = writer.create(FILE)) {
      Safetensors.write(tensors, Safetensors.PYTORCH_METADATA, out);
    }
  }

  /**
   * Overwrites the weights of the model's other parameters, bit for bit.
   *
   * @throws UserException that names the first parameter that is missing, unknown, or of another
   *     shape
   */
  static void read(FileSystem fs, Path directory, LanguageModel model) throws IOException {
    Map<String, Parameter> wanted = new LinkedHashMap<>();
    HuggingFaceNames.others(model).forEach(parameter -> wanted.put(parameter.name(), parameter));
    Path path = new Path(directory, FILE);
    if (!fs.exists(path)) {
      if (!wanted.isEmpty()) {
        throw missing(directory, wanted.keySet().iterator().next());
      }
      return;
    }
    try (SafetensorsFile file = SafetensorsFile.open(fs, path)) {
      check(directory, file, wanted);
      Segment weights = model.parameters().weights();
      for (Parameter parameter : wanted.values()) {
        load(file, parameter, weights);
      }
    }
  }

  private static void check(Path directory, SafetensorsFile file, Map<String, Parameter> wanted) {
    for (Parameter parameter : wanted.values()) {
      TensorInfo stored = file.tensors().get(parameter.name());
      if (stored == null) {
        throw missing(directory, parameter.name());
      }
      if (!stored.shape().equals(parameter.shape())) {
        throw UserException.failure(
            "parameter %s of the model in %s must have the shape %s, got %s: it is another model"
                .formatted(parameter.name(), directory, parameter.shape(), stored.shape()));
      }
      file.requireFloats(parameter.name());
    }
    Set<String> more = new TreeSet<>(file.tensors().keySet());
    more.removeAll(wanted.keySet());
    if (!more.isEmpty()) {
      throw UserException.failure(
          "the model in %s has the parameter %s, which this model does not have: it is another model"
              .formatted(directory, more.iterator().next()));
    }
  }

  private static UserException missing(Path directory, String parameter) {
    return UserException.failure(
        "the model in %s must have the parameter %s (in %s), and does not"
            .formatted(directory, parameter, FILE));
  }

  private static void load(SafetensorsFile file, Parameter parameter, Segment weights)
      throws IOException {
    long size = parameter.size();
    float[] buffer = new float[(int) Math.min(size, Safetensors.BUFFER_ELEMENTS)];
    for (long from = 0; from < size; from += buffer.length) {
      int count = (int) Math.min(buffer.length, size - from);
      file.read(parameter.name(), from, buffer, count);
      weights.memory().upload(buffer, 0, range(parameter, weights, from, count));
    }
  }

  /** The names in a directory's file; none without such a file. */
  static Set<String> names(FileSystem fs, Path directory) throws IOException {
    Path path = new Path(directory, FILE);
    if (!fs.exists(path)) {
      return Set.of();
    }
    try (SafetensorsFile file = SafetensorsFile.open(fs, path)) {
      return new TreeSet<>(file.tensors().keySet());
    }
  }

  private static NdArray range(Parameter parameter, Segment weights, long from, int count) {
    long start = parameter.offset() + from;
    return weights.range(start, start + count);
  }

  /** All of a parameter. */
  private record Whole(Parameter parameter, Segment weights) implements TensorSource {
    @Override
    public String name() {
      return parameter.name();
    }

    @Override
    public Shape shape() {
      return parameter.shape();
    }

    @Override
    public void read(long from, float[] into, int count) {
      weights.memory().download(range(parameter, weights, from, count), into, 0);
    }
  }
}

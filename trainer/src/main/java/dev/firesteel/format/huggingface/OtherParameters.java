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
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
  /** Metadata of a file with adapters: that of their settings which their shapes do not show. */
  private static final String LORA_ALPHA = "lora_alpha";

  private static final String LORA_A = ".lora_a.weight";

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
    Map<String, String> metadata = new LinkedHashMap<>(Safetensors.PYTORCH_METADATA);
    model.adapters().ifPresent(lora -> metadata.put(LORA_ALPHA, String.valueOf(lora.alpha())));
    try (OutputStream out = writer.create(FILE)) {
      Safetensors.write(tensors, metadata, out);
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

  /** Overwrites the model's adapters, bit for bit, and leaves heads of the file out. */
  static void readAdapters(FileSystem fs, Path directory, LanguageModel model) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(fs, new Path(directory, FILE))) {
      for (Parameter parameter : HuggingFaceNames.others(model)) {
        requireStored(directory, file, parameter);
        load(file, parameter, model.parameters().weights());
      }
    }
  }

  private static void requireStored(Path directory, SafetensorsFile file, Parameter parameter) {
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

  private static void check(Path directory, SafetensorsFile file, Map<String, Parameter> wanted) {
    for (Parameter parameter : wanted.values()) {
      requireStored(directory, file, parameter);
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

  /**
   * The settings of the adapters in a directory's file; empty if it has none.
   *
   * @throws UserException if the file does not say how they are scaled
   */
  static Optional<Lora> adapters(FileSystem fs, Path directory) throws IOException {
    Path path = new Path(directory, FILE);
    if (!fs.exists(path)) {
      return Optional.empty();
    }
    try (SafetensorsFile file = SafetensorsFile.open(fs, path)) {
      List<String> projections =
          file.tensors().keySet().stream()
              .filter(name -> name.endsWith(LORA_A))
              .map(name -> name.substring(0, name.length() - LORA_A.length()))
              .sorted()
              .toList();
      if (projections.isEmpty()) {
        return Optional.empty();
      }
      String alpha = file.metadata().get(LORA_ALPHA);
      if (alpha == null) {
        throw UserException.failure(
            "%s must have %s in its metadata, since it holds adapters, got none: train them again"
                .formatted(path, LORA_ALPHA));
      }
      int rank = file.tensors().get(projections.get(0) + LORA_A).shape().dim(0);
      return Optional.of(
          new Lora(
              rank,
              Double.parseDouble(alpha),
              0,
              NamePattern.all(projections.toArray(String[]::new))));
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

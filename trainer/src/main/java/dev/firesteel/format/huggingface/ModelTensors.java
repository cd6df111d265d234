package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.Shape;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.format.safetensors.TensorSource;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The weights of a Hugging Face model directory: {@code model.safetensors}, or several files {@code
 * model-00001-of-00003.safetensors} with {@code model.safetensors.index.json}, which maps each
 * tensor to its file.
 */
public final class ModelTensors implements AutoCloseable {
  /** Larger models are split into several files; {@code transformers} uses the same limit. */
  public static final long MAX_FILE_BYTES = 5_000_000_000L;

  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  /** Of a file in the same folder: nothing that leads elsewhere, nor a scheme. */
  private static final Pattern FILE_NAME = Pattern.compile("(?!\\.{1,2}$)[^/\\\\:\\p{Cntrl}]+");

  private final Path directory;
  private final List<SafetensorsFile> files = new ArrayList<>();
  private final Map<String, SafetensorsFile> byName = new LinkedHashMap<>();

  private ModelTensors(Path directory) {
    this.directory = directory;
  }

  /**
   * Writes tensors to one file, or to several of at most {@code maxFileBytes} bytes of data.
   *
   * @throws UserException naming the tensor and the value, if a value is too large for the type
   */
  public static void write(
      CheckpointWriter writer,
      List<? extends TensorSource> tensors,
      FloatType dtype,
      long maxFileBytes)
      throws IOException {
    List<List<TensorSource>> parts = cut(tensors, dtype, maxFileBytes);
    if (parts.size() == 1) {
      write(writer, SINGLE, parts.get(0), dtype);
      return;
    }
    ObjectNode index = Safetensors.JSON.createObjectNode();
    index
        .putObject("metadata")
        .put(
            "total_size",
            tensors.stream().mapToLong(tensor -> Safetensors.bytes(tensor, dtype)).sum());
    ObjectNode weightMap = index.putObject("weight_map");
    for (int i = 0; i < parts.size(); i++) {
      String file =
          String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, parts.size());
      write(writer, file, parts.get(i), dtype);
      parts.get(i).forEach(tensor -> weightMap.put(tensor.name(), file));
    }
    writer.write(
        INDEX, Safetensors.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(index) + "\n");
  }

  /** In order of name, each part filled as far as possible; a larger tensor is a part by itself. */
  private static List<List<TensorSource>> cut(
      List<? extends TensorSource> tensors, FloatType dtype, long maxFileBytes) {
    List<List<TensorSource>> parts = new ArrayList<>();
    List<TensorSource> part = new ArrayList<>();
    long bytes = 0;
    for (TensorSource tensor :
        tensors.stream().sorted(Comparator.comparing(TensorSource::name)).toList()) {
      long size = Safetensors.bytes(tensor, dtype);
      if (!part.isEmpty() && bytes + size > maxFileBytes) {
        parts.add(part);
        part = new ArrayList<>();
        bytes = 0;
      }
      part.add(tensor);
      bytes += size;
    }
    parts.add(part);
    return parts;
  }

  private static void write(
      CheckpointWriter writer, String file, List<TensorSource> tensors, FloatType dtype)
      throws IOException {
    try (OutputStream out = writer.create(file)) {
      Safetensors.write(tensors, dtype, Safetensors.PYTORCH_METADATA, out);
    }
  }

  /**
   * Opens the weights of a model directory.
   *
   * @throws UserException if there are none, or a file is malformed
   */
  public static ModelTensors open(FileSystem fs, Path directory) {
    ModelTensors tensors = new ModelTensors(directory);
    try {
      if (fs.exists(new Path(directory, INDEX))) {
        tensors.openIndexed(fs);
      } else {
        tensors.add(SafetensorsFile.open(fs, new Path(directory, SINGLE)));
      }
      return tensors;
    } catch (FileNotFoundException e) {
      tensors.closeAfter(e);
      throw UserException.failure(
          "%s must hold a model (%s or %s and the files it names), got none: %s"
              .formatted(directory, SINGLE, INDEX, e.getMessage()),
          e);
    } catch (IOException e) {
      tensors.closeAfter(e);
      throw HadoopFiles.explain("reading the model in " + directory, e);
    } catch (RuntimeException e) {
      tensors.closeAfter(e);
      throw e;
    }
  }

  private void openIndexed(FileSystem fs) throws IOException {
    Path index = new Path(directory, INDEX);
    JsonNode weightMap;
    try (InputStream in = fs.open(index)) {
      weightMap = Safetensors.JSON.readTree(in).path("weight_map");
    } catch (JsonProcessingException e) {
      throw UserException.failure("%s is not valid JSON".formatted(index), e);
    }
    if (!weightMap.isObject()) {
      throw UserException.failure("%s must hold an object weight_map".formatted(index));
    }
    Map<String, SafetensorsFile> byFile = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
      String file = entry.getValue().asText();
      if (!FILE_NAME.matcher(file).matches()) {
        throw UserException.failure(
            "%s must name files in its own folder, got \"%s\"".formatted(index, file));
      }
      if (!byFile.containsKey(file)) {
        SafetensorsFile opened = SafetensorsFile.open(fs, new Path(directory, file));
        byFile.put(file, opened);
        add(opened);
      }
      if (!byFile.get(file).tensors().containsKey(entry.getKey())) {
        throw UserException.failure(
            "%s says that %s holds the tensor %s, and it does not"
                .formatted(index, file, entry.getKey()));
      }
    }
  }

  private void add(SafetensorsFile file) {
    files.add(file);
    for (String name : file.tensors().keySet()) {
      if (byName.putIfAbsent(name, file) != null) {
        throw UserException.failure(
            "%s must hold each tensor once, got %s twice".formatted(directory, name));
      }
    }
  }

  private void closeAfter(Exception failure) {
    try {
      close();
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  /** The names of all tensors. */
  public Set<String> names() {
    return Set.copyOf(byName.keySet());
  }

  /** A tensor's extents. */
  public Shape shape(String name) {
    return file(name).tensors().get(name).shape();
  }

  /**
   * Checks that a tensor can be read into an array of {@code shape}.
   *
   * @throws UserException if it is missing, has another shape, or is not of a floating-point type
   */
  void require(String name, Shape shape) {
    SafetensorsFile file = file(name);
    Shape stored = shape(name);
    if (!stored.equals(shape)) {
      throw UserException.failure(
          "tensor %s of the model in %s must have the shape %s, got %s: it is another model"
              .formatted(name, directory, shape, stored));
    }
    file.requireFloats(name);
  }

  /** Copies elements {@code [from, from + count)} of a tensor to the start of {@code into}. */
  public void read(String name, long from, float[] into, int count) throws IOException {
    file(name).read(name, from, into, count);
  }

  private SafetensorsFile file(String name) {
    SafetensorsFile file = byName.get(name);
    if (file == null) {
      throw UserException.failure(
          "the model in %s must have the tensor %s, and does not".formatted(directory, name));
    }
    return file;
  }

  @Override
  public void close() throws IOException {
    for (SafetensorsFile file : files) {
      file.close();
    }
  }
}

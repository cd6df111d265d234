package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.Shape;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Compares what {@code config.json} of a model directory describes with the tensors beside it, by
 * their names and shapes: nothing is allocated, so that a file that describes a model of any size
 * costs no memory.
 */
public final class ModelCheck {
  private final ModelConfig config;
  private final String className;
  private final List<String> problems;
  private final Optional<String> tiedHead;

  private ModelCheck(
      ModelConfig config, String className, List<String> problems, Optional<String> tiedHead) {
    this.config = config;
    this.className = className;
    this.problems = List.copyOf(problems);
    this.tiedHead = tiedHead;
  }

  /**
   * Compares the files of a directory.
   *
   * @throws UserException if one of them cannot be read, or describes what cannot be loaded
   */
  public static ModelCheck of(FileSystem fs, Path directory) {
    JsonNode json = ModelDirectory.configJson(fs, directory);
    ModelConfig config = HuggingFaceConfig.read(json);
    try (ModelTensors tensors = ModelTensors.open(fs, directory)) {
      List<HuggingFaceTensor> wanted =
          declared(directory, config, HuggingFaceConfig.isClassifier(json), tensors);
      PublishedNames names = new PublishedNames(config, tensors.names());
      List<String> problems = new ArrayList<>();
      TreeSet<String> more = new TreeSet<>(tensors.names());
      for (HuggingFaceTensor tensor : wanted) {
        String stored = names.stored(tensor.name());
        if (!more.remove(stored)) {
          problems.add("%s is missing".formatted(stored));
        } else if (!tensors.shape(stored).equals(tensor.shape())) {
          problems.add(
              "%s must have the shape %s, got %s"
                  .formatted(stored, tensor.shape(), tensors.shape(stored)));
        }
      }
      more.removeIf(name -> names.buffer(name, tensors.shape(name)).isPresent());
      // A file may hold the head again; it must then be the embedding.
      boolean tied = config.tieEmbeddings() && more.remove(PublishedNames.HEAD);
      more.forEach(name -> problems.add("%s is no tensor of this architecture".formatted(name)));
      return new ModelCheck(
          config,
          json.path("architectures").path(0).asText(json.path("model_type").asText()),
          problems,
          tied ? Optional.of(names.stored(wanted.get(0).name())) : Optional.empty());
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + directory, e);
    }
  }

  /**
   * The tensors that a configuration describes, before any of its sizes is believed.
   *
   * @param source the configuration's file, for messages
   * @param classifier whether it is that of a reward model
   * @param held shapes of the tensors that are there
   * @throws UserException if they are far more than those, or too large for any
   */
  public static List<HuggingFaceTensor> declared(
      Object source, ModelConfig config, boolean classifier, Collection<Shape> held) {
    long largest = held.stream().mapToLong(Shape::size).max().orElse(0);
    // Each layer has tensors, and each of these sizes is an extent of one.
    requireHeld(source, "layers", config.layers(), held.size());
    requireHeld(source, "elements of width", config.width(), largest);
    requireHeld(source, "tokens", config.vocabularySize(), largest);
    requireHeld(source, "heads", config.heads(), largest);
    try {
      return PublishedModel.declared(config, classifier);
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw UserException.failure(
          "%s must describe a model whose tensors have less than 2^31 rows and columns, got larger ones (%s): it is damaged, or not of these tensors"
              .formatted(source, e.getMessage()),
          e);
    }
  }

  static List<HuggingFaceTensor> declared(
      Path directory, ModelConfig config, boolean classifier, ModelTensors tensors) {
    return declared(
        new Path(directory, ModelDirectory.CONFIG),
        config,
        classifier,
        tensors.names().stream().map(tensors::shape).toList());
  }

  private static void requireHeld(Object source, String what, long described, long held) {
    if (described > held) {
      throw UserException.failure(
          "%s must describe the model whose tensors are there, got %d %s, and tensors for at most %d: it is damaged, or not of these tensors"
              .formatted(source, described, what, held));
    }
  }

  /** What the directory describes. */
  public ModelConfig config() {
    return config;
  }

  /** The class that transformers would load it as, or what the file says instead. */
  public String className() {
    return className;
  }

  /** Tensors that are missing, of another shape, or not of this architecture, one line each. */
  public List<String> problems() {
    return problems;
  }

  /**
   * The embedding that {@link PublishedNames#HEAD}, which the directory holds too, must equal;
   * empty if it holds none, or the head is one of its own.
   */
  public Optional<String> tiedHead() {
    return tiedHead;
  }
}

package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.Shape;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Projections;
import java.io.IOException;
import java.util.ArrayList;
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
   * The tensors that a configuration describes.
   *
   * @throws UserException if they are far more than the directory holds, or too large for any
   */
  static List<HuggingFaceTensor> declared(
      Path directory, ModelConfig config, boolean classifier, ModelTensors tensors) {
    long stored =
        tensors.names().stream().map(tensors::shape).mapToLong(Shape::size).max().orElse(0);
    // Each layer has tensors, and each of these sizes is an extent of one.
    requireHeld(directory, "layers", config.layers(), tensors.names().size());
    requireHeld(directory, "elements of width", config.width(), stored);
    requireHeld(directory, "tokens", config.vocabularySize(), stored);
    requireHeld(directory, "heads", config.heads(), stored);
    try (LanguageModel model =
        classifier
            ? ScoredModel.reward(config, Projections.DENSE).backbone()
            : Models.declare(config)) {
      return HuggingFaceNames.tensors(model);
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw UserException.failure(
          "%s must describe a model whose tensors have less than 2^31 rows and columns, got larger ones (%s): it is not the file of this model"
              .formatted(new Path(directory, ModelDirectory.CONFIG), e.getMessage()),
          e);
    }
  }

  private static void requireHeld(Path directory, String what, long described, long held) {
    if (described > held) {
      throw UserException.failure(
          "%s must describe the model beside it, got %d %s, and tensors for at most %d: it is not the file of this model"
              .formatted(new Path(directory, ModelDirectory.CONFIG), described, what, held));
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

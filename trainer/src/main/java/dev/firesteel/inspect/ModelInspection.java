package dev.firesteel.inspect;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.huggingface.ModelCheck;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.PublishedNames;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;

/** Model directories, and files of tensors. */
final class ModelInspection {
  private static final String SAFETENSORS = ".safetensors";

  /** Files of heads and adapters lie in a folder of their own. */
  private static final List<String> FOLDERS = List.of("", "firesteel/");

  private ModelInspection() {}

  static boolean isModel(Source source) throws IOException {
    return source.has(ModelDirectory.CONFIG);
  }

  static void inspect(Source source, Inspection into) throws IOException {
    try (TensorSet set = new TensorSet()) {
      open(source, set);
      describe(source, set, into);
    }
  }

  static void open(Source source, TensorSet into) throws IOException {
    for (String folder : FOLDERS) {
      if (!folder.isEmpty() && !source.has(folder)) {
        continue;
      }
      FileStatus[] files =
          source.fs().listStatus(folder.isEmpty() ? source.path() : source.child(folder));
      for (String name :
          Stream.of(files)
              .filter(FileStatus::isFile)
              .map(file -> file.getPath().getName())
              .filter(name -> name.endsWith(SAFETENSORS))
              .sorted()
              .toList()) {
        into.addSafetensors(source.fs(), source.child(folder + name), folder + name);
      }
    }
  }

  static void inspectFile(Source source, Inspection into) throws IOException {
    try (TensorSet set = new TensorSet()) {
      openFile(source, set);
      describeFile(source, set, into);
    }
  }

  static void openFile(Source source, TensorSet into) throws IOException {
    into.addSafetensors(source.fs(), source.path(), source.path().getName());
  }

  static void inspectGguf(Source source, Inspection into) throws IOException {
    try (TensorSet set = new TensorSet()) {
      openGguf(source, set);
      describeFile(source, set, into);
    }
  }

  private static void describeFile(Source source, TensorSet set, Inspection into)
      throws IOException {
    into.fact("bytes", source.bytes());
    putMetadata(set, into);
    set.describe(into);
  }

  static void openGguf(Source source, TensorSet into) throws IOException {
    into.addGguf(source.fs(), source.path(), source.path().getName());
  }

  /** What the model's own files say; those of optimizers say how their arrays were cut. */
  private static void putMetadata(TensorSet set, Inspection into) {
    set.metadata()
        .forEach(
            (file, values) -> {
              if (!file.contains("/")) {
                values.forEach(
                    (key, value) -> into.fact(file + " " + InspectionText.printable(key), value));
              }
            });
  }

  /**
   * The model of a folder: its architecture, its tensors, and whether files, configuration and
   * tokenizer fit each other.
   */
  static void describe(Source folder, TensorSet set, Inspection into) throws IOException {
    Optional<ModelCheck> checked = Optional.empty();
    String problem = "";
    try {
      checked = Optional.of(ModelCheck.of(folder.fs(), folder.path()));
    } catch (UserException e) {
      problem = e.getMessage();
    }
    if (checked.isPresent()) {
      putConfig(checked.get(), into);
      into.fact("parameters", parameters(set, checked.get()));
    }
    putMetadata(set, into);
    set.describe(into);
    if (checked.isEmpty()) {
      into.check("configuration", false, problem);
    } else {
      List<String> problems = checked.get().problems();
      into.check(
          "shapes",
          problems.isEmpty(),
          problems.isEmpty()
              ? "the tensors are those that config.json describes"
              : TensorSet.listed(problems));
      checkTied(set, checked.get(), into);
    }
    checkTokenizer(folder, checked, into);
  }

  private static void putConfig(ModelCheck check, Inspection into) {
    ModelConfig config = check.config();
    into.fact("class", check.className())
        .fact("architecture", config.architecture().name().toLowerCase(Locale.ROOT))
        .fact("layers", (long) config.layers())
        .fact("width", (long) config.width())
        .fact("heads", (long) config.heads())
        .fact("key-value heads", (long) config.kvHeads())
        .fact("head width", (long) config.headWidth())
        .fact("feed-forward width", (long) config.feedForwardWidth())
        .fact("context length", (long) config.contextLength())
        .fact("vocabulary size", (long) config.vocabularySize())
        .fact("tied embeddings", config.tieEmbeddings());
  }

  /** Elements of the model's own files, without a second copy of a tied head. */
  private static long parameters(TensorSet set, ModelCheck check) {
    return set.tensors().stream()
        .filter(tensor -> !tensor.file().contains("/"))
        .filter(tensor -> check.tiedHead().isEmpty() || !tensor.name().equals(PublishedNames.HEAD))
        .mapToLong(tensor -> tensor.shape().size())
        .sum();
  }

  private static void checkTied(TensorSet set, ModelCheck check, Inspection into)
      throws IOException {
    if (check.tiedHead().isEmpty()) {
      into.check(
          "tied tensors",
          true,
          check.config().tieEmbeddings()
              ? "the head is the embedding, which is stored once"
              : "none: the head is a tensor of its own");
      return;
    }
    Map<Boolean, StoredTensor> found = new HashMap<>();
    for (StoredTensor tensor : set.tensors()) {
      if (tensor.name().equals(PublishedNames.HEAD)) {
        found.put(true, tensor);
      } else if (tensor.name().equals(check.tiedHead().get())) {
        found.put(false, tensor);
      }
    }
    TensorDifference difference = TensorDifference.of(found.get(false), found.get(true));
    into.check(
        "tied tensors",
        difference.isEqual(),
        "%s and %s %s"
            .formatted(
                check.tiedHead().get(),
                PublishedNames.HEAD,
                difference.isEqual()
                    ? "are equal"
                    : "must be equal, and differ by up to %s"
                        .formatted(InspectionText.number(difference.maximum()))));
  }

  private static void checkTokenizer(Source folder, Optional<ModelCheck> checked, Inspection into)
      throws IOException {
    if (!folder.has(ModelDirectory.TOKENIZER)) {
      into.check("tokenizer", false, "there is no " + ModelDirectory.TOKENIZER);
      return;
    }
    try {
      Tokenizer tokenizer = ModelDirectory.readTokenizer(folder.fs(), folder.path());
      int tokens = tokenizer.vocabularySize();
      int rows = checked.map(check -> check.config().vocabularySize()).orElse(tokens);
      into.check(
          "tokenizer",
          tokens <= rows,
          "%,d tokens for %,d rows of the embedding".formatted(tokens, rows));
    } catch (UserException e) {
      into.check("tokenizer", false, e.getMessage());
    }
  }

  /** A row of a table. */
  static List<Object> row(Object... cells) {
    return Arrays.asList(cells);
  }
}

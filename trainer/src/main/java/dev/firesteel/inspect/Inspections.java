package dev.firesteel.inspect;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** Looks at files and folders: the one list of the kinds that there are. */
public final class Inspections {
  /**
   * A kind of file or folder.
   *
   * @param name in words
   * @param recognizes whether a path is of this kind
   * @param inspects says what it holds
   * @param tensors opens its tensors; null for a kind without any
   */
  private record Kind(String name, Recognizer recognizes, Inspector inspects, Opener tensors) {}

  @FunctionalInterface
  private interface Recognizer {
    boolean recognizes(Source source) throws IOException;
  }

  @FunctionalInterface
  private interface Inspector {
    void inspect(Source source, Inspection into) throws IOException;
  }

  @FunctionalInterface
  private interface Opener {
    void open(Source source, TensorSet into) throws IOException;
  }

  /** A row for each kind; the first that recognizes a path says what it holds. */
  private static final List<Kind> KINDS =
      List.of(
          new Kind(
              "run directory",
              RunInspection::isRun,
              RunInspection::inspectRun,
              RunInspection::openRun),
          new Kind(
              "checkpoint",
              RunInspection::isCheckpoint,
              RunInspection::inspectCheckpoint,
              RunInspection::openCheckpoint),
          new Kind(
              "prepared data", DataInspection::isPrepared, DataInspection::inspectPrepared, null),
          new Kind(
              "prepared examples", ExampleInspection::isPrepared, ExampleInspection::inspect, null),
          new Kind(
              "model directory",
              ModelInspection::isModel,
              ModelInspection::inspect,
              ModelInspection::open),
          new Kind(
              "safetensors file",
              source -> source.endsWith(".safetensors"),
              ModelInspection::inspectFile,
              ModelInspection::openFile),
          new Kind(
              "GGUF file",
              source -> source.endsWith(".gguf"),
              ModelInspection::inspectGguf,
              ModelInspection::openGguf),
          new Kind("token shard", DataInspection::isShard, DataInspection::inspectShard, null),
          new Kind(
              "tokenizer", TokenizerInspection::isTokenizer, TokenizerInspection::inspect, null));

  private Inspections() {}

  /**
   * Says what a file or folder holds.
   *
   * @throws UserException if there is none, it is of no kind that can be inspected, or it is so
   *     damaged that it cannot be read
   */
  public static Inspection inspect(Path path, Configuration hadoop) {
    try {
      Source source = source(path, hadoop);
      Kind kind = kind(source);
      Inspection inspection = new Inspection(source.plainPath(), kind.name());
      kind.inspects().inspect(source, inspection);
      return inspection;
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + path, e);
    }
  }

  /**
   * Opens the tensors of a file or folder.
   *
   * @throws UserException if it has none
   */
  static TensorSet tensors(Path path, Configuration hadoop) throws IOException {
    Source source = source(path, hadoop);
    Kind kind = kind(source);
    if (kind.tensors() == null) {
      throw UserException.usage(
          "%s must be a model or a file of tensors, got %s: name a checkpoint, a model directory, a safetensors or a GGUF file"
              .formatted(path, kind.name()));
    }
    TensorSet set = new TensorSet();
    try {
      kind.tensors().open(source, set);
      return set;
    } catch (IOException | RuntimeException e) {
      set.close();
      throw e;
    }
  }

  private static Source source(Path path, Configuration hadoop) throws IOException {
    try {
      return Source.of(path, hadoop);
    } catch (FileNotFoundException e) {
      throw UserException.usage(
          "%s must be a file or folder to inspect, got nothing of that name: correct the path"
              .formatted(path),
          e);
    }
  }

  private static Kind kind(Source source) throws IOException {
    for (Kind kind : KINDS) {
      if (kind.recognizes().recognizes(source)) {
        return kind;
      }
    }
    throw UserException.usage(
        "%s must be one of %s, got something else: name another file or folder"
            .formatted(
                source.path(), KINDS.stream().map(Kind::name).collect(Collectors.joining(", "))));
  }
}

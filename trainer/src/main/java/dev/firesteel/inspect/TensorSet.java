package dev.firesteel.inspect;

import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgufFile;
import dev.firesteel.format.gguf.GgufTensor;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.format.safetensors.TensorInfo;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The tensors of one file or of several, open for reading. Not thread-safe. */
final class TensorSet implements AutoCloseable {
  private static final List<String> HEADER =
      List.of(
          "name", "type", "shape", "min", "max", "mean", "std", "norm", "zeros", "nan", "infinite");

  private final List<StoredTensor> tensors = new ArrayList<>();
  private final Map<String, Map<String, String>> metadata = new TreeMap<>();
  private final List<Closeable> files = new ArrayList<>();

  /**
   * Adds a safetensors file.
   *
   * @param name how the file is called in tables
   * @throws UserException if it is malformed
   */
  void addSafetensors(FileSystem fs, Path path, String name) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(fs, path);
    files.add(file::close);
    metadata.put(name, file.metadata());
    for (TensorInfo info : file.tensors().values()) {
      StoredTensor.Elements elements =
          (from, into, count) -> file.read(info.name(), from, into, count);
      tensors.add(
          new StoredTensor(
              name,
              info.name(),
              info.dtype(),
              info.shape(),
              SafetensorsFile.isFloat(info) ? elements : null));
    }
  }

  /**
   * Adds the tensors of a GGUF file.
   *
   * @param name how the file is called in tables
   * @throws UserException if it is malformed
   */
  void addGguf(FileSystem fs, Path path, String name) throws IOException {
    GgufFile file = GgufFile.open(fs, path);
    files.add(file::close);
    Map<String, String> said = new LinkedHashMap<>();
    file.metadata().forEach((key, value) -> said.put(key, value.toString()));
    metadata.put(name, said);
    for (GgufTensor tensor : file.tensors().values()) {
      StoredTensor.Elements elements =
          (from, into, count) -> file.read(tensor.name(), from, into, count);
      tensors.add(
          new StoredTensor(
              name,
              tensor.name(),
              tensor.type().toString(),
              tensor.shape(),
              GgufFile.isReadable(tensor) ? elements : null));
    }
  }

  /** All tensors, a file's in the order of its data. */
  List<StoredTensor> tensors() {
    return Collections.unmodifiableList(tensors);
  }

  /** What each file says of itself. */
  Map<String, Map<String, String>> metadata() {
    return metadata;
  }

  /**
   * Adds what the tensors are to an inspection: their number, their elements, a table with
   * statistics, and the check that all numbers are finite.
   */
  void describe(Inspection inspection) throws IOException {
    inspection
        .fact("tensors", (long) tensors.size())
        .fact("elements", tensors.stream().mapToLong(tensor -> tensor.shape().size()).sum())
        .fact("element types", List.copyOf(types()));
    List<String> bad = new ArrayList<>();
    List<String> unread = new ArrayList<>();
    Map<String, List<List<Object>>> rows = new TreeMap<>();
    for (StoredTensor tensor : tensors) {
      List<Object> row = new ArrayList<>();
      row.add(tensor.name());
      row.add(tensor.type());
      row.add(tensor.shape().toString());
      if (tensor.isNumeric()) {
        TensorStatistics statistics = TensorStatistics.of(tensor);
        Collections.addAll(
            row,
            statistics.min(),
            statistics.max(),
            statistics.mean(),
            statistics.std(),
            statistics.norm(),
            statistics.zeros(),
            statistics.nan(),
            statistics.infinite());
        if (!statistics.isFinite()) {
          bad.add(
              "%s has %d NaN and %d infinite of %d elements"
                  .formatted(
                      tensor.name(),
                      statistics.nan(),
                      statistics.infinite(),
                      statistics.elements()));
        }
      } else {
        unread.add(tensor.name());
        row.addAll(Collections.nCopies(HEADER.size() - row.size(), null));
      }
      rows.computeIfAbsent(tensor.file(), file -> new ArrayList<>()).add(row);
    }
    rows.forEach(
        (file, ofFile) ->
            inspection.table(
                new Table(rows.size() == 1 ? "tensors" : "tensors of " + file, HEADER, ofFile)));
    inspection.check(
        "finite",
        bad.isEmpty(),
        bad.isEmpty()
            ? "every number of %d tensors%s"
                .formatted(
                    tensors.size() - unread.size(),
                    unread.isEmpty()
                        ? ""
                        : ", without %d whose types have no statistics".formatted(unread.size()))
            : listed(bad));
  }

  private Set<String> types() {
    Set<String> types = new TreeSet<>();
    tensors.forEach(tensor -> types.add(tensor.type()));
    return types;
  }

  /** The first of several findings, and how many more there are. */
  static String listed(List<String> findings) {
    int shown = Math.min(5, findings.size());
    return String.join("; ", findings.subList(0, shown))
        + (shown < findings.size() ? "; and %d more".formatted(findings.size() - shown) : "");
  }

  @Override
  public void close() throws IOException {
    for (Closeable file : files) {
      file.close();
    }
  }
}

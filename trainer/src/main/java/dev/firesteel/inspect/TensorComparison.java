package dev.firesteel.inspect;

import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** Two models, tensor by tensor. */
public final class TensorComparison {
  private static final List<String> HEADER =
      List.of("name", "shape", "types", "different", "max difference", "relative", "cosine");

  private TensorComparison() {}

  /**
   * Compares the tensors of two checkpoints, model directories or files. Tensors of one name are
   * compared, also if their types or their files in a folder differ.
   *
   * @throws dev.firesteel.error.UserException if one of the two has no tensors
   */
  public static Inspection of(Path a, Path b, Configuration hadoop) {
    try (TensorSet first = Inspections.tensors(a, hadoop);
        TensorSet second = Inspections.tensors(b, hadoop)) {
      Inspection into =
          new Inspection(
              HadoopFiles.withPlainPaths(a + " and " + b), "comparison of their tensors");
      compare(byName(first), byName(second), into);
      return into;
    } catch (IOException e) {
      throw HadoopFiles.explain("comparing %s and %s".formatted(a, b), e);
    }
  }

  private static void compare(
      Map<String, StoredTensor> as, Map<String, StoredTensor> bs, Inspection into)
      throws IOException {
    into.fact("tensors of the first", (long) as.size())
        .fact("tensors of the second", (long) bs.size());
    List<List<Object>> rows = new ArrayList<>();
    List<String> misshapen = new ArrayList<>();
    List<String> different = new ArrayList<>();
    double maximum = 0;
    for (Map.Entry<String, StoredTensor> entry : as.entrySet()) {
      StoredTensor a = entry.getValue();
      StoredTensor b = bs.get(entry.getKey());
      if (b == null) {
        continue;
      }
      if (!a.shape().equals(b.shape())) {
        misshapen.add("%s %s and %s".formatted(entry.getKey(), a.shape(), b.shape()));
        continue;
      }
      List<Object> row = new ArrayList<>();
      Collections.addAll(
          row,
          entry.getKey(),
          a.shape().toString(),
          a.type().equals(b.type()) ? a.type() : a.type() + ", " + b.type());
      if (a.isNumeric() && b.isNumeric()) {
        TensorDifference difference = TensorDifference.of(a, b);
        Collections.addAll(
            row,
            difference.different(),
            difference.maximum(),
            difference.relative(),
            difference.cosine());
        maximum = Math.max(maximum, difference.maximum());
        if (!difference.isEqual()) {
          different.add(entry.getKey());
        }
      } else {
        row.addAll(Collections.nCopies(HEADER.size() - row.size(), null));
      }
      rows.add(row);
    }
    into.fact("compared", (long) rows.size())
        .fact("tensors that differ", (long) different.size())
        .fact("greatest difference", maximum)
        .table(new Table("tensors", HEADER, rows));
    checkMissing("only in the first", as, bs, into);
    checkMissing("only in the second", bs, as, into);
    into.check(
        "shapes",
        misshapen.isEmpty(),
        misshapen.isEmpty() ? "tensors of one name have one shape" : TensorSet.listed(misshapen));
  }

  private static void checkMissing(
      String name, Map<String, StoredTensor> from, Map<String, StoredTensor> in, Inspection into) {
    TreeSet<String> missing = new TreeSet<>(from.keySet());
    missing.removeAll(in.keySet());
    into.check(
        name,
        missing.isEmpty(),
        missing.isEmpty() ? "nothing" : TensorSet.listed(List.copyOf(missing)));
  }

  /** Tensors beside the model's own files have the folder before their names. */
  private static Map<String, StoredTensor> byName(TensorSet set) {
    Map<String, StoredTensor> byName = new LinkedHashMap<>();
    for (StoredTensor tensor : set.tensors()) {
      int slash = tensor.file().lastIndexOf('/');
      String name = tensor.file().substring(0, slash + 1) + tensor.name();
      // The files of an optimizer's ranks have arrays of the same names.
      byName.put(byName.containsKey(name) ? tensor.file() + " " + tensor.name() : name, tensor);
    }
    return byName;
  }
}

package dev.firesteel.format.huggingface;

import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiPredicate;

/** Compares the tensors of a file with those of the model that its configuration describes. */
public final class TensorCheck {
  private static final int LISTED = 20;

  private TensorCheck() {}

  /**
   * Requires that the tensors be those of a model.
   *
   * @param where the file or directory, for messages
   * @param wanted names and shapes of the model's tensors
   * @param got those of the file
   * @param ignorable whether a tensor that the model does not have is no part of it
   * @throws UserException that lists all tensors that are missing, unknown or of another shape
   */
  public static void require(
      String where,
      Map<String, Shape> wanted,
      Map<String, Shape> got,
      BiPredicate<String, Shape> ignorable) {
    List<String> missing = new ArrayList<>();
    List<String> misshapen = new ArrayList<>();
    new TreeMap<>(wanted)
        .forEach(
            (name, shape) -> {
              Shape other = got.get(name);
              if (other == null) {
                missing.add(name);
              } else if (!other.equals(shape)) {
                misshapen.add("%s %s instead of %s".formatted(name, other, shape));
              }
            });
    List<String> unknown = new ArrayList<>();
    for (String name : new TreeSet<>(got.keySet())) {
      if (!wanted.containsKey(name) && !ignorable.test(name, got.get(name))) {
        unknown.add(name);
      }
    }
    List<String> problems = new ArrayList<>();
    describe("it lacks", missing, problems);
    describe("it has the unknown", unknown, problems);
    describe("of another shape", misshapen, problems);
    if (!problems.isEmpty()) {
      throw UserException.usage(
          "%s must have the tensors that its configuration says, and has not: %s; it is another model, or a damaged one"
              .formatted(where, String.join("; ", problems)));
    }
  }

  private static void describe(String what, List<String> names, List<String> problems) {
    if (!names.isEmpty()) {
      int more = names.size() - LISTED;
      problems.add(
          what
              + " "
              + String.join(", ", names.subList(0, Math.min(LISTED, names.size())))
              + (more > 0 ? " and %d more".formatted(more) : ""));
    }
  }
}

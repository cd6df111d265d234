package dev.firesteel.inspect;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A table of an {@link Inspection}.
 *
 * @param title what its rows are; the key in JSON
 * @param header names of the columns; the keys of a row in JSON
 * @param rows as many cells as columns each: texts, numbers, booleans, or null where there is none
 */
public record Table(String title, List<String> header, List<List<Object>> rows) {
  /** Copies the lists, whose cells may be null. */
  public Table {
    header = List.copyOf(header);
    List<List<Object>> copy = new ArrayList<>();
    for (List<Object> row : rows) {
      if (row.size() != header.size()) {
        throw new IllegalArgumentException(
            "a row of the table %s must have %d cells, got %d"
                .formatted(title, header.size(), row.size()));
      }
      copy.add(Collections.unmodifiableList(new ArrayList<>(row)));
    }
    rows = List.copyOf(copy);
  }
}

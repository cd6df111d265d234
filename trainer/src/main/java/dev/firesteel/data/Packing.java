package dev.firesteel.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Puts items of different lengths into rows of one length: best-fit decreasing (Johnson 1973),
 * which needs at most 11/9 of the fewest rows. Each item, longest first, goes into the row with the
 * least room that is enough for it, or into a new row. No item is cut.
 */
public final class Packing {
  private Packing() {}

  /**
   * The items of each row, in ascending order.
   *
   * @param lengths of the items, each at most {@code rowLength}
   * @param rowLength length of a row
   */
  public static List<int[]> bestFit(int[] lengths, int rowLength) {
    List<List<Integer>> rows = new ArrayList<>();
    // Rows with the same room: the last one made is used first.
    TreeMap<Integer, List<Integer>> byRoom = new TreeMap<>();
    int[] order =
        IntStream.range(0, lengths.length)
            .boxed()
            .sorted(Comparator.<Integer>comparingInt(i -> -lengths[i]).thenComparing(i -> i))
            .mapToInt(Integer::intValue)
            .toArray();
    for (int item : order) {
      int length = lengths[item];
      if (length > rowLength) {
        throw new IllegalArgumentException(
            "packing: an item must fit into a row of " + rowLength + ", got " + length);
      }
      Integer room = byRoom.ceilingKey(length);
      int row;
      if (room == null) {
        row = rows.size();
        rows.add(new ArrayList<>());
        room = rowLength;
      } else {
        List<Integer> candidates = byRoom.get(room);
        row = candidates.remove(candidates.size() - 1);
        if (candidates.isEmpty()) {
          byRoom.remove(room);
        }
      }
      rows.get(row).add(item);
      byRoom.computeIfAbsent(room - length, key -> new ArrayList<>()).add(row);
    }
    return rows.stream()
        .map(row -> row.stream().mapToInt(Integer::intValue).sorted().toArray())
        .toList();
  }
}

package dev.firesteel.config;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a mistyped name was probably meant to be. */
public final class NearestName {
  private NearestName() {}

  /**
   * The known name with the smallest Levenshtein distance; empty if none differs in at most a third
   * of the letters, or in two.
   */
  public static Optional<String> of(String name, List<String> known) {
    int best = Math.max(2, name.length() / 3) + 1;
    String found = null;
    for (String candidate : known) {
      int distance = levenshtein(name.toLowerCase(Locale.ROOT), candidate);
      if (distance < best) {
        best = distance;
        found = candidate;
      }
    }
    return Optional.ofNullable(found);
  }

  /** The Levenshtein distance of a and b. */
  static int levenshtein(String a, String b) {
    int[] row = new int[b.length() + 1];
    Arrays.setAll(row, j -> j);
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}

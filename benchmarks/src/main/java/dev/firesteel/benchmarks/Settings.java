package dev.firesteel.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A program's settings {@code key=value}, each with a default. */
final class Settings {
  private final Map<String, String> values;

  private Settings(Map<String, String> values) {
    this.values = values;
  }

  /**
   * Reads arguments, each of which may hold several settings; ends the program at an unknown one.
   */
  static Settings of(Map<String, String> defaults, String... args) {
    Map<String, String> values = new TreeMap<>(defaults);
    for (String setting : String.join(" ", args).trim().split("\\s+", -1)) {
      String[] parts = setting.split("=", 2);
      if (!setting.isEmpty() && (parts.length != 2 || values.put(parts[0], parts[1]) == null)) {
        System.err.println("No setting " + setting + "; there are " + defaults.keySet());
        System.exit(2);
      }
    }
    return new Settings(values);
  }

  String text(String key) {
    return values.get(key);
  }

  int number(String key) {
    return Integer.parseInt(values.get(key));
  }

  /** Values with commas in between. */
  List<String> list(String key) {
    return List.of(values.get(key).split(",", -1));
  }

  int[] numbers(String key) {
    return Arrays.stream(values.get(key).split(",", -1)).mapToInt(Integer::parseInt).toArray();
  }
}

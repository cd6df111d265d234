package dev.firesteel.format.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Names of files by the convention {@code BaseName-SizeLabel-Version-Encoding.gguf}, such as {@code
 * Tales-3.2M-v1.0-Q8_0.gguf}. Source: {@code docs/gguf.md} of ggml-org/ggml.
 */
public final class GgufFileName {
  private static final String VERSION = "v1.0";
  private static final String[] UNITS = {"K", "M", "B", "T"};

  private GgufFileName() {}

  /** The name of a model's file. */
  public static String of(String name, long parameters, GgufEncoding encoding) {
    return "%s-%s-%s-%s.gguf"
        .formatted(baseName(name), sizeLabel(parameters), VERSION, encoding.name());
  }

  /** Letters and digits, in parts between dashes that are all digits or begin with a letter. */
  static String baseName(String name) {
    List<String> parts = new ArrayList<>();
    for (String part : name.split("[^A-Za-z0-9]+", -1)) {
      if (part.isEmpty()) {
        continue;
      }
      boolean begins = Character.isLetter(part.charAt(0)) || part.chars().allMatch(c -> c <= '9');
      if (!begins && !parts.isEmpty()) {
        parts.set(parts.size() - 1, parts.get(parts.size() - 1) + part);
      } else {
        parts.add(part);
      }
    }
    return parts.isEmpty() ? "model" : String.join("-", parts);
  }

  /** A number of parameters with two digits, as {@code 3.2M} or {@code 124M}. */
  static String sizeLabel(long parameters) {
    double scaled = parameters / 1e3;
    int unit = 0;
    while (scaled >= 999.5 && unit < UNITS.length - 1) {
      scaled /= 1e3;
      unit++;
    }
    int fraction = scaled < 0.95 ? 2 : scaled < 9.95 ? 1 : 0;
    return String.format(Locale.ROOT, "%." + fraction + "f%s", scaled, UNITS[unit]);
  }
}

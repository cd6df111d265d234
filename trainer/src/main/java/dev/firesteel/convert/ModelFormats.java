package dev.firesteel.convert;

import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.safetensors.FloatType;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Names of element types and sizes as users write them. */
public final class ModelFormats {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})(KB|MB|GB)");
  private static final Map<String, Long> UNITS =
      Map.of("KB", 1_000L, "MB", 1_000_000L, "GB", 1_000_000_000L);

  private ModelFormats() {}

  /**
   * An element type of safetensors.
   *
   * @throws UserException if there is no such type
   */
  public static FloatType floatType(String name) {
    return type(name, "hf", FloatType.values());
  }

  /**
   * An encoding of GGUF that is written.
   *
   * @throws UserException if there is no such encoding
   */
  public static GgufEncoding ggufEncoding(String name) {
    return type(name, "gguf", GgufEncoding.values());
  }

  private static <T extends Enum<T>> T type(String name, String format, T[] types) {
    return Stream.of(types)
        .filter(type -> type.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(
            () ->
                UserException.usage(
                    "--type must be one of %s for %s, got %s"
                        .formatted(
                            Stream.of(types)
                                .map(type -> type.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", ")),
                            format,
                            name)));
  }

  /**
   * A number of bytes, written as {@code 5GB} or {@code 500MB}.
   *
   * @param option for the message
   * @throws UserException if it is none
   */
  public static long bytes(String option, String text) {
    Matcher size = SIZE.matcher(text);
    long bytes = size.matches() ? Long.parseLong(size.group(1)) * UNITS.get(size.group(2)) : 0;
    if (bytes == 0) {
      throw UserException.usage(
          "%s must be a positive number of KB, MB or GB, as 500MB, got %s".formatted(option, text));
    }
    return bytes;
  }
}

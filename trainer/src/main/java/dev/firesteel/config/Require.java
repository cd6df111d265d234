package dev.firesteel.config;

import dev.firesteel.error.UserException;
import java.util.regex.Pattern;

/** The checks of the records: each names the key, what is required and what was got. */
final class Require {
  /** It names a folder, on any file system. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");

  private Require() {}

  /** The keys that name a run and its place, which all stages have. */
  static void run(String name, String runsFolder) {
    that(
        NAME.matcher(name).matches(),
        "name must begin with a letter or digit and hold only letters, digits, dots, dashes and"
            + " underscores, got \""
            + name
            + "\"");
    that(!runsFolder.isBlank(), "runs_folder must name a folder, got an empty text");
  }

  static void atLeast(String key, long value, long least) {
    if (value < least) {
      throw UserException.usage(key + " must be at least " + least + ", got " + value);
    }
  }

  static void positive(String key, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw UserException.usage(key + " must be greater than 0, got " + value);
    }
  }

  static void notNegative(String key, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw UserException.usage(key + " must be at least 0, got " + value);
    }
  }

  /** {@code 0 <= value < 1}: a probability that leaves something over, a moment's decay. */
  static void fraction(String key, double value) {
    if (!(value >= 0 && value < 1)) {
      throw UserException.usage(key + " must be at least 0 and less than 1, got " + value);
    }
  }

  static void upToOne(String key, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw UserException.usage(key + " must be between 0 and 1, got " + value);
    }
  }

  static void that(boolean condition, String message) {
    if (!condition) {
      throw UserException.usage(message);
    }
  }
}

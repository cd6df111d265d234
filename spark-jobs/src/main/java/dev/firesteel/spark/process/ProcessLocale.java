package dev.firesteel.spark.process;

import java.util.Locale;

/** The locale of our processes. */
public final class ProcessLocale {
  private ProcessLocale() {}

  /**
   * Sets the default locale to {@link Locale#ROOT}. Names, hashes and messages must not depend on
   * the language of the machine, as lower case in Turkish and digits in Arabic would, in libraries
   * as well.
   */
  public static void set() {
    Locale.setDefault(Locale.ROOT);
  }
}

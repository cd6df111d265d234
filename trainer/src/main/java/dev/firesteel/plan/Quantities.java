package dev.firesteel.plan;

import java.time.Duration;
import java.util.Locale;

/** Human-readable sizes and durations. */
public final class Quantities {
  private static final long KIB = 1 << 10;
  private static final long MIB = 1 << 20;
  private static final long GIB = 1 << 30;

  private Quantities() {}

  /** A size in the form that {@code -Xmx} takes. */
  public static String heapOption(long bytes) {
    return (bytes + MIB - 1) / MIB + "m";
  }

  /** A number of bytes in KiB, MiB or GiB. */
  public static String bytes(long bytes) {
    if (bytes >= GIB) {
      return String.format(Locale.ROOT, "%.2f GiB", (double) bytes / GIB);
    }
    return bytes >= MIB
        ? String.format(Locale.ROOT, "%.1f MiB", (double) bytes / MIB)
        : String.format(Locale.ROOT, "%d KiB", (bytes + KIB - 1) / KIB);
  }

  /** A duration in its two largest units. */
  public static String duration(double seconds) {
    if (seconds < 1) {
      return String.format(Locale.ROOT, "%.0f ms", seconds * 1e3);
    } else if (seconds < 60) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    Duration whole = Duration.ofSeconds(Math.round(seconds));
    if (whole.toDays() > 0) {
      return String.format(Locale.ROOT, "%d d %d h", whole.toDays(), whole.toHoursPart());
    }
    return whole.toHours() > 0
        ? String.format(Locale.ROOT, "%d h %d min", whole.toHours(), whole.toMinutesPart())
        : String.format(Locale.ROOT, "%d min %d s", whole.toMinutes(), whole.toSecondsPart());
  }
}

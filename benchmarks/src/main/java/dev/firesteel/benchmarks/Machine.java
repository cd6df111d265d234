package dev.firesteel.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a result was measured on. */
final class Machine {
  private static final List<String> TELLING = List.of("avx2", "avx512f", "avx512_bf16", "amx_bf16");

  private Machine() {}

  /** Month, processor, JDK and load, in one paragraph. */
  static String describe() {
    return String.format(
        Locale.ROOT,
        "%s. %d cores of %s; %s %s on %s; load average at the start %s.",
        YearMonth.now(ZoneOffset.UTC),
        Runtime.getRuntime().availableProcessors(),
        processor(),
        System.getProperty("java.vendor.version", "JDK"),
        System.getProperty("java.version"),
        System.getProperty("os.name"),
        load());
  }

  /** Of the last minute. */
  static String load() {
    return String.format(
        Locale.ROOT, "%.1f", ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
  }

  /** Whether the processor has instructions for bf16. */
  static boolean hasBf16() {
    return flags(cpuInfo()).contains("avx512_bf16");
  }

  /** Lines of Linux's description of the processor; none elsewhere. */
  private static List<String> cpuInfo() {
    Path cpuInfo = Path.of("/proc/cpuinfo");
    try {
      return Files.isReadable(cpuInfo)
          ? Files.readAllLines(cpuInfo, StandardCharsets.UTF_8)
          : List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> flags(List<String> cpuInfo) {
    return List.of(value(cpuInfo, "flags").split(" ", -1));
  }

  private static String processor() {
    List<String> lines = cpuInfo();
    if (lines.isEmpty()) {
      return System.getProperty("os.arch");
    }
    return String.format(
        Locale.ROOT,
        "%s (family %s, model %s; %s)",
        value(lines, "model name"),
        value(lines, "cpu family"),
        value(lines, "model"),
        TELLING.stream().filter(flags(lines)::contains).collect(Collectors.joining(", ")));
  }

  private static String value(List<String> lines, String key) {
    return lines.stream()
        .filter(
            line -> line.startsWith(key) && line.substring(key.length()).strip().startsWith(":"))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("?");
  }
}

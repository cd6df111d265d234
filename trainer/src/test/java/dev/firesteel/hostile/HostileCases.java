package dev.firesteel.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.firesteel.error.UserException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Runs a reader on many damaged files. Each is read or refused with a {@link UserException} of one
 * line, in bounded time and memory; all else fails the test with the seed and the case, which
 * {@code -Dfiresteel.hostile.only=CASE} repeats alone.
 *
 * <p>{@code -Dfiresteel.hostile.cases=1000000} runs a million cases instead of ten thousand, and
 * prints how many were read and how long it took; {@code -Dfiresteel.hostile.first=150000} begins
 * at that case.
 */
public final class HostileCases {
  private static final String CASES = "firesteel.hostile.cases";
  private static final String FIRST = "firesteel.hostile.first";
  private static final String ONLY = "firesteel.hostile.only";
  private static final int USUAL_CASES = 10_000;

  /** Of the processor: a machine that is busy, or stopped, for a while is no fault of a reader. */
  private static final Duration LONGEST = Duration.ofSeconds(20);

  /** For one that waits. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** What a damaged file of a few KiB may cost, with everything that reading one takes. */
  private static final long MOST_BYTES = 64L << 20;

  private final String what;
  private final long seed;
  private final Reader reader;
  private final Map<String, String> failures = new LinkedHashMap<>();
  private volatile int running = -1;
  private volatile long started;
  private volatile long startedOfProcessor;
  private int refused;
  private int read;

  /** Damages a file and reads it. */
  @FunctionalInterface
  public interface Reader {
    /** Reads the file of a case, with everything that a caller does with one. */
    void read(Mutator mutator) throws Exception;
  }

  private HostileCases(String what, long seed, Reader reader) {
    this.what = what;
    this.seed = seed;
    this.reader = reader;
  }

  /** How many cases a test runs. */
  public static int count() {
    return Integer.getInteger(CASES, USUAL_CASES);
  }

  private static int first() {
    return Integer.getInteger(FIRST, 0);
  }

  /**
   * Runs all cases.
   *
   * @param what is damaged, for messages
   */
  public static void run(String what, long seed, Reader reader) throws InterruptedException {
    new HostileCases(what, seed, reader).run();
  }

  private void run() throws InterruptedException {
    long began = System.nanoTime();
    Thread worker = new Thread(null, this::runAll, "hostile " + what);
    worker.setDaemon(true);
    worker.start();
    while (worker.isAlive()) {
      worker.join(200);
      long nanos = THREADS.getThreadCpuTime(worker.getId()) - startedOfProcessor;
      long waited = System.nanoTime() - started;
      if (worker.isAlive()
          && running >= 0
          && (nanos > LONGEST.toNanos() || waited > LONGEST_WAIT.toNanos())) {
        String stack =
            Arrays.stream(worker.getStackTrace())
                .limit(30)
                .map(Object::toString)
                .collect(Collectors.joining("\n  "));
        throw new AssertionError(
            "%s, seed %d, case %d: still runs after %s, %s of the processor, at\n  %s"
                .formatted(
                    what, seed, running, Duration.ofNanos(waited), Duration.ofNanos(nanos), stack));
      }
    }
    assertThat(failures.values())
        .as("%s, seed %d, %d read and %d refused", what, seed, read, refused)
        .isEmpty();
    if (Integer.getInteger(CASES) != null) {
      double seconds = (System.nanoTime() - began) / 1e9;
      System.out.printf(
          Locale.ROOT,
          "%s: %,d cases, %,d read and %,d refused, in %.0f s%n",
          what,
          read + refused,
          read,
          refused,
          seconds);
    }
    if (Integer.getInteger(ONLY) == null) {
      // Damage that is always refused at once, or never, would test little.
      int least = (count() - first()) / 100;
      assertThat(read).as("%s: cases that were read", what).isGreaterThan(least);
      assertThat(refused).as("%s: cases that were refused", what).isGreaterThan(least);
    }
  }

  private void runAll() {
    Integer only = Integer.getInteger(ONLY);
    int first = only == null ? first() : only;
    int end = only == null ? count() : only + 1;
    for (int i = first; i < end; i++) {
      started = System.nanoTime();
      startedOfProcessor = THREADS.getCurrentThreadCpuTime();
      running = i;
      long before = THREADS.getCurrentThreadAllocatedBytes();
      try {
        reader.read(new Mutator(seed, i));
        read++;
      } catch (UserException e) {
        refused++;
        requireOneLine(i, e);
      } catch (Throwable e) { // Errors too: StackOverflowError, OutOfMemoryError.
        fail(i, e.getClass().getName() + " at " + place(e), trace(e));
      }
      long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
      if (bytes > MOST_BYTES && i > first) { // the first case loads classes
        fail(i, "memory", "took %d bytes".formatted(bytes));
      }
    }
  }

  private void requireOneLine(int index, UserException e) {
    String message = e.getMessage();
    if (message.codePoints().anyMatch(Character::isISOControl)) {
      fail(index, "control characters at " + place(e), trace(e));
    } else if (message.length() > 2100) {
      fail(
          index,
          "length at " + place(e),
          "a message of %d characters: %s".formatted(message.length(), message.substring(0, 300)));
    }
  }

  /** One failure of each kind is enough. */
  private void fail(int index, String kind, String details) {
    failures.putIfAbsent(kind, "%s, seed %d, case %d: %s".formatted(what, seed, index, details));
  }

  private static String place(Throwable e) {
    return Arrays.stream(e.getStackTrace())
        .filter(frame -> frame.getClassName().startsWith("dev.firesteel"))
        .findFirst()
        .map(Object::toString)
        .orElse("unknown");
  }

  private static String trace(Throwable e) {
    StringWriter text = new StringWriter();
    e.printStackTrace(new PrintWriter(text));
    return text.toString().lines().limit(25).collect(Collectors.joining("\n"));
  }
}

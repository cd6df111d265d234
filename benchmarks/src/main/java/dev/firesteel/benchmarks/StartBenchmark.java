package dev.firesteel.benchmarks;

import static java.util.Map.entry;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Starts short runs again and again and counts those that are slow for their whole life, since the
 * JIT compiled a kernel so that it keeps its vectors in objects.
 *
 * <pre>{@code
 * ./mvnw -q -Pallocation -pl benchmarks -am verify -DskipTests -Dmain=StartBenchmark \
 *   -Dbenchmark="starts=100 shapes=0.8M,4.3M,13.9M,llama-33.6M precisions=fp32,bf16 jdk=HOME"
 * }</pre>
 *
 * <p>A start is bad if a step allocates more than a megabyte once the JIT is done, or if it makes
 * less than a third of the tokens per second of processor time of its group's median. Neither says
 * much about other work on the machine; so {@code parallel} of them may run at once. Ends with exit
 * code 1 if any start was bad.
 */
final class StartBenchmark {
  private static final long MOST_BYTES = 1_000_000;

  private record Start(long tokensPerCpuSecond, long bytesPerStep, double warmUpSeconds) {}

  private StartBenchmark() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    Settings settings =
        Settings.of(
            Map.ofEntries(
                entry("starts", "100"),
                entry("parallel", "1"),
                entry("shapes", "0.8M,4.3M,13.9M,llama-33.6M"),
                entry("precisions", "fp32,bf16"),
                entry("threads", "2"),
                entry("seconds", "3"),
                entry("sequences", "2"),
                entry("tokens", "128"),
                entry("steps", "10"),
                entry("options", ""),
                entry("jdk", System.getProperty("java.home"))),
            args);
    System.out.println(Machine.describe());
    System.out.println();
    System.out.println(
        "| shape | precision | starts | slow | allocating | notices | tokens/CPU s min, median, max | bytes a step min, median, max | warm-up s median, max |");
    System.out.println("|---|---|---|---|---|---|---|---|---|");
    int bad = 0;
    for (String shape : settings.list("shapes")) {
      for (String precision : settings.list("precisions")) {
        bad += group(settings, shape, precision);
      }
    }
    if (bad > 0) {
      System.err.println(bad + " starts were slow or allocated");
      System.exit(1);
    }
  }

  /** One row of the table; how many starts of it were bad. */
  private static int group(Settings settings, String shape, String precision)
      throws IOException, InterruptedException {
    List<String> notices = Collections.synchronizedList(new ArrayList<>());
    List<Start> starts = starts(settings, shape, precision, notices);
    long[] rates = starts.stream().mapToLong(Start::tokensPerCpuSecond).sorted().toArray();
    long[] bytes = starts.stream().mapToLong(Start::bytesPerStep).sorted().toArray();
    double[] warmUps = starts.stream().mapToDouble(Start::warmUpSeconds).sorted().toArray();
    int middle = starts.size() / 2;
    int last = starts.size() - 1;
    long slow = starts.stream().filter(s -> s.tokensPerCpuSecond() < rates[middle] / 3).count();
    long allocating = starts.stream().filter(s -> s.bytesPerStep() > MOST_BYTES).count();
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %d | %d | %d | %d | %,d, %,d, %,d | %,d, %,d, %,d | %.2f, %.2f |%n",
        shape,
        precision,
        starts.size(),
        slow,
        allocating,
        notices.size(),
        rates[0],
        rates[middle],
        rates[last],
        bytes[0],
        bytes[middle],
        bytes[last],
        warmUps[middle],
        warmUps[last]);
    notices.forEach(System.out::println);
    return (int) (slow + allocating + notices.size());
  }

  private static List<Start> starts(
      Settings settings, String shape, String precision, List<String> notices)
      throws IOException, InterruptedException {
    List<Callable<Start>> all =
        Collections.nCopies(
            settings.number("starts"), () -> start(settings, shape, precision, notices));
    ExecutorService pool = Executors.newFixedThreadPool(settings.number("parallel"));
    List<Start> starts = new ArrayList<>();
    try {
      for (Future<Start> start : pool.invokeAll(all)) {
        starts.add(start.get());
      }
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    } finally {
      pool.shutdownNow();
    }
    return starts;
  }

  private static Start start(
      Settings settings, String shape, String precision, List<String> notices)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(settings.text("jdk"), "bin", "java").toString());
    command.add("@" + System.getProperty("firesteel.jvm.options"));
    command.add("-Xmx2g");
    settings.list("options").stream().filter(option -> !option.isEmpty()).forEach(command::add);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(StartProbe.class.getName());
    command.add(shape);
    command.add(precision);
    for (String key : List.of("threads", "seconds", "sequences", "tokens", "steps")) {
      command.add(settings.text(key));
    }
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().put("OMP_NUM_THREADS", "1");
    Process process = builder.start();
    Start start = null;
    try (var lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.split(" ", -1);
        if (words[0].equals("notice")) {
          notices.add(line);
        } else if (words[0].equals("start")) {
          start =
              new Start(
                  Long.parseLong(words[1]), Long.parseLong(words[2]), Double.parseDouble(words[3]));
        }
      }
    }
    if (process.waitFor() != 0 || start == null) {
      throw new IOException("the start ended with " + process.exitValue() + ": " + command);
    }
    return start;
  }
}

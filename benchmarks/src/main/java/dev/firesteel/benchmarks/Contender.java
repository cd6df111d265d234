package dev.firesteel.benchmarks;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A measured program in a child JVM with its own environment. It is stopped by signal while others
 * run: the waiting threads of an OpenMP runtime would otherwise take their time.
 *
 * <p>The child ends with this process, however that ends. A stopped process cannot see that its
 * input has ended, so a shell beside it does, and kills it.
 */
final class Contender implements AutoCloseable {
  /** Who computes, and how. */
  enum Kind {
    LIBTORCH_F32("libtorch f32", "Libtorch", "f32"),
    /** Float32 tensors whose products may round operands to bf16: PyTorch's own short cut. */
    LIBTORCH_MEDIUM("libtorch f32, bf16 products", "Libtorch", "medium"),
    LIBTORCH_BF16("libtorch bf16", "Libtorch", "bf16"),
    FIRESTEEL_FP32("Firesteel fp32", "Firesteel", "fp32"),
    FIRESTEEL_BF16("Firesteel bf16", "Firesteel", "bf16");

    final String label;
    private final String program;
    private final String precision;

    Kind(String label, String program, String precision) {
      this.label = label;
      this.program = program;
      this.precision = precision;
    }

    boolean isPeer() {
      return program.equals("Libtorch");
    }

    /** Whether all operands keep their 24 bits. */
    boolean isExact() {
      return this == LIBTORCH_F32 || this == FIRESTEEL_FP32;
    }

    static List<Kind> list(String names) {
      return Arrays.stream(names.split(",", -1))
          .map(name -> valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_')))
          .toList();
    }
  }

  /**
   * What some units of work in a row were.
   *
   * @param told what each told of itself
   * @param heapBytesPerUnit what all Java threads together allocated
   * @param collections of the garbage collector, during all units
   * @param heapPeakBytes the most that the Java heap has held since {@link #startMemoryCount}
   */
  record Turn(
      List<Double> seconds,
      List<double[]> told,
      long heapBytesPerUnit,
      long collections,
      long heapPeakBytes) {}

  final Kind kind;

  /** Reads to the end of its input, which is that of this process, then kills the child. */
  private static final String GUARD =
      // Ctrl-C in a terminal is for all processes there; the guard has to be the last.
      "trap '' INT TERM HUP; while read -r line; do :; done; kill -KILL \"$0\"";

  private final Process process;
  private final Process guard;
  private final Writer commands;
  private final BufferedReader answers;
  private final String description;

  /**
   * @param task what is measured: the program is the class of this name after Firesteel or Libtorch
   * @param subject the program's first argument; precision and threads follow
   * @param java home of the JDK that runs Firesteel
   * @param jvmOptions of Firesteel
   */
  Contender(
      Kind kind, String task, String subject, int threads, Path java, List<String> jvmOptions) {
    this.kind = kind;
    List<String> command = new ArrayList<>();
    Path home = kind.isPeer() ? Path.of(System.getProperty("java.home")) : java;
    command.add(home.resolve(Path.of("bin", "java")).toString());
    command.addAll(kind.isPeer() ? peerOptions() : jvmOptions);
    command.addAll(
        List.of("-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.logFile=System.err", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add(Contender.class.getPackageName() + "." + kind.program + task);
    command.addAll(List.of(subject, kind.precision, Integer.toString(threads)));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    environment(builder.environment(), threads);
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    guard = guard(process);
    commands = process.outputWriter(StandardCharsets.UTF_8);
    answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    try {
      description = answer("ready");
      signal("STOP");
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static Process guard(Process child) {
    try {
      return new ProcessBuilder("sh", "-c", GUARD, Long.toString(child.pid()))
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .redirectError(ProcessBuilder.Redirect.DISCARD)
          .start();
    } catch (IOException e) {
      child.destroyForcibly();
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> peerOptions() {
    return List.of("-Xmx3g", "-Dorg.bytedeco.openblas.load=mkl");
  }

  private void environment(Map<String, String> environment, int threads) {
    environment.keySet().removeIf(name -> name.matches("(OMP|KMP|MKL|GOMP)_.*"));
    if (kind.isPeer()) {
      environment.put("OMP_NUM_THREADS", Integer.toString(threads));
      environment.put("OMP_WAIT_POLICY", "ACTIVE");
      // Memory of a step is kept for the next instead of given back to the system, and comes in
      // large pages: what the guide advises another allocator for. Up to a quarter in bf16.
      environment.put("MALLOC_TRIM_THRESHOLD_", "100000000000");
      environment.put("MALLOC_MMAP_MAX_", "0");
      environment.put("MALLOC_TOP_PAD_", "67108864");
      environment.put("THP_MEM_ALLOC_ENABLE", "1");
      // Intel's OpenMP for MKL and libtorch alike, as PyTorch's tuning guide advises; MKL's
      // threads do not load without it.
      environment.put("LD_PRELOAD", PeerLibraries.intelOpenMp().toString());
    } else {
      environment.put("OMP_NUM_THREADS", "1");
    }
  }

  String description() {
    return description;
  }

  /** The child's process id. */
  long pid() {
    return process.pid();
  }

  /** Has the child compute what all must compute alike. */
  double[] check() {
    signal("CONT");
    send("check");
    double[] numbers = numbers(answer("checked"), 0);
    signal("STOP");
    return numbers;
  }

  /**
   * Has the child collect garbage and counts memory from here on: what making the initial weights
   * took is not the measured work's.
   */
  void startMemoryCount() {
    signal("CONT");
    send("collect");
    answer("collected");
    signal("STOP");
    try {
      // Linux: the peak of the resident set begins anew with what is resident (proc(5),
      // clear_refs).
      Files.writeString(proc("clear_refs"), "5", StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The child's largest resident set since {@link #startMemoryCount}, in bytes. */
  long residentPeakBytes() {
    try {
      return Files.readAllLines(proc("status"), StandardCharsets.US_ASCII).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path proc(String file) {
    return Path.of("/proc", Long.toString(process.pid()), file);
  }

  private void send(String command) {
    try {
      commands.write(command + "\n");
      commands.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Wakes the child, has it do some units of its work, and stops it again. */
  Turn run(int units) {
    signal("CONT");
    send("run " + units);
    List<Double> seconds = new ArrayList<>();
    List<double[]> told = new ArrayList<>();
    for (int i = 0; i < units; i++) {
      String line = answer("unit");
      seconds.add(Long.parseLong(line.substring(0, line.indexOf(' '))) * 1e-9);
      told.add(numbers(line, 1));
    }
    String[] fields = answer("done").split(" ", -1);
    signal("STOP");
    return new Turn(
        seconds,
        told,
        Long.parseLong(fields[0]),
        Long.parseLong(fields[1]),
        Long.parseLong(fields[2]));
  }

  private static double[] numbers(String line, int from) {
    return Arrays.stream(line.split(" ", -1)).skip(from).mapToDouble(Double::parseDouble).toArray();
  }

  private String answer(String expected) {
    String prefix = WorkServer.MARK + expected + " ";
    try {
      for (String line = answers.readLine(); line != null; line = answers.readLine()) {
        if (line.startsWith(prefix)) {
          return line.substring(prefix.length());
        }
        System.err.println(kind.label + ": " + line);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    throw new IllegalStateException(kind.label + " ended before it said: " + expected);
  }

  private void signal(String name) {
    try {
      int status =
          new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
      if (status != 0) {
        throw new IllegalStateException(kind.label + " cannot be sent the signal " + name);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    guard.destroyForcibly(); // At the end of its input it might kill a later process of that id.
  }

  /** Where the peer's libraries are unpacked. */
  private static final class PeerLibraries {
    private PeerLibraries() {}

    static File intelOpenMp() {
      try {
        return org.bytedeco.javacpp.Loader.cacheResource(
            "/org/bytedeco/mkl/linux-x86_64/libiomp5.so");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}

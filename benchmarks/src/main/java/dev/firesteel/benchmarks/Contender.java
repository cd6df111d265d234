package dev.firesteel.benchmarks;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A trainer in a child JVM with its own environment. It is stopped by signal while others run: the
 * waiting threads of an OpenMP runtime would otherwise take their time.
 */
final class Contender implements AutoCloseable {
  /** What runs in the child. */
  enum Kind {
    LIBTORCH_F32("libtorch f32", "dev.firesteel.benchmarks.LibtorchStep", "f32"),
    LIBTORCH_BF16("libtorch bf16 autocast", "dev.firesteel.benchmarks.LibtorchStep", "bf16"),
    FIRESTEEL_FP32("Firesteel fp32", "dev.firesteel.benchmarks.FiresteelStep", "fp32"),
    FIRESTEEL_BF16("Firesteel bf16", "dev.firesteel.benchmarks.FiresteelStep", "bf16");

    final String label;
    private final String mainClass;
    final String precision;

    Kind(String label, String mainClass, String precision) {
      this.label = label;
      this.mainClass = mainClass;
      this.precision = precision;
    }

    boolean isPeer() {
      return this == LIBTORCH_F32 || this == LIBTORCH_BF16;
    }
  }

  /**
   * What some steps in a row were.
   *
   * @param heapBytesPerStep what all Java threads together allocated
   * @param collections of the garbage collector, during all steps
   */
  record Turn(
      List<Double> seconds,
      List<TrainingStep.Result> results,
      long heapBytesPerStep,
      long collections) {}

  final Kind kind;
  private final Process process;
  private final Writer commands;
  private final BufferedReader answers;
  private final String description;

  Contender(Kind kind, TrainingShape shape, int threads, List<String> jvmOptions) {
    this.kind = kind;
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(kind.isPeer() ? peerOptions() : jvmOptions);
    command.addAll(
        List.of("-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.logFile=System.err", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.addAll(List.of(kind.mainClass, shape.label, kind.precision, Integer.toString(threads)));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    environment(builder.environment(), threads);
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    commands = process.outputWriter(StandardCharsets.UTF_8);
    answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    description = answer("ready");
    signal("STOP");
  }

  private static List<String> peerOptions() {
    return List.of("-Xmx3g", "-Dorg.bytedeco.openblas.load=mkl");
  }

  private void environment(Map<String, String> environment, int threads) {
    environment.keySet().removeIf(name -> name.matches("(OMP|KMP|MKL|GOMP)_.*"));
    if (kind.isPeer()) {
      environment.put("OMP_NUM_THREADS", Integer.toString(threads));
      environment.put("OMP_WAIT_POLICY", "ACTIVE");
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

  /** Has the child collect the garbage of its warm-up before its next steps. */
  void collectGarbage() {
    send("collect");
  }

  private void send(String command) {
    try {
      commands.write(command + "\n");
      commands.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Wakes the child, has it make steps, and stops it again. */
  Turn run(int steps) {
    signal("CONT");
    send("run " + steps);
    List<Double> seconds = new ArrayList<>();
    List<TrainingStep.Result> results = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      String[] fields = answer("step").split(" ", -1);
      seconds.add(Long.parseLong(fields[0]) * 1e-9);
      results.add(
          new TrainingStep.Result(Double.parseDouble(fields[1]), Double.parseDouble(fields[2])));
    }
    String[] fields = answer("done").split(" ", -1);
    signal("STOP");
    return new Turn(seconds, results, Long.parseLong(fields[0]), Long.parseLong(fields[1]));
  }

  private String answer(String expected) {
    String prefix = StepWorker.MARK + expected + " ";
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
  }

  static List<Kind> kinds(String list) {
    return Arrays.stream(list.split(",", -1))
        .map(name -> Kind.valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_')))
        .toList();
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

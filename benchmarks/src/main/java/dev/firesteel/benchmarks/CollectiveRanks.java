package dev.firesteel.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The processes of {@link CollectiveBenchmark}, from the view of the one that started them. */
final class CollectiveRanks implements AutoCloseable {
  private final List<Process> processes = new ArrayList<>();
  private final List<BufferedReader> answers = new ArrayList<>();
  private final List<Writer> commands = new ArrayList<>();

  private CollectiveRanks() {}

  static CollectiveRanks start(int ranks, int floats, String format, String way)
      throws IOException {
    CollectiveRanks all = new CollectiveRanks();
    for (int rank = 0; rank < ranks; rank++) {
      all.start(rank, ranks, floats, format, way);
    }
    StringBuilder addresses = new StringBuilder();
    for (BufferedReader answer : all.answers) {
      addresses.append(all.read(answer)).append(' ');
    }
    all.tell(addresses.toString().strip());
    return all;
  }

  private void start(int rank, int ranks, int floats, String format, String way)
      throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx1g",
                "-cp",
                System.getProperty("java.class.path"),
                CollectiveRank.class.getName(),
                String.valueOf(rank),
                String.valueOf(ranks),
                String.valueOf(floats),
                format,
                way)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    processes.add(process);
    answers.add(
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)));
    commands.add(process.outputWriter(StandardCharsets.UTF_8));
  }

  /** Lets all ranks do something; the nanoseconds of the slowest. */
  long run(String what) throws IOException {
    tell(what);
    long slowest = 0;
    for (BufferedReader answer : answers) {
      slowest = Math.max(slowest, Long.parseLong(read(answer)));
    }
    return slowest;
  }

  private void tell(String line) throws IOException {
    for (Writer command : commands) {
      command.write(line + "\n");
      command.flush();
    }
  }

  private String read(BufferedReader answer) throws IOException {
    String line = answer.readLine();
    if (line == null) {
      throw new IOException("a process of the benchmark ended");
    }
    return line;
  }

  /** The processes end with their input. */
  @Override
  public void close() throws IOException {
    for (Writer command : commands) {
      command.close();
    }
    for (Process process : processes) {
      process.onExit().join();
    }
  }
}

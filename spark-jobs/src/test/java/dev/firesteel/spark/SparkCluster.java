package dev.firesteel.spark;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileUtil;

/**
 * A standalone Spark cluster on the loopback device: a master and a worker as processes of their
 * own, from Spark's own classes and the jars of the module {@code spark-home}, or from a
 * distribution of Spark. Commands reach it as a user's do, through {@code spark-submit}.
 *
 * <p>Ports are free ones. {@link #close} ends every process that was started, executors too, and
 * deletes the cluster's folder.
 */
final class SparkCluster implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofMinutes(2);
  private static final Pattern MASTER_URL =
      Pattern.compile("Starting Spark master at (spark://[0-9.:]+)");
  private static final Pattern REGISTERED = Pattern.compile("Successfully registered with master");

  private static final String SUBMIT = "org.apache.spark.deploy.SparkSubmit";

  private final Path folder;
  private final Optional<Path> distribution;
  private final Path sparkHome;
  private final List<Process> processes = new ArrayList<>();
  private final Thread atExit = new Thread(this::end, "spark-cluster-end");
  private final String masterUrl;

  private SparkCluster(
      Path folder,
      Optional<Path> distribution,
      int workerCores,
      int workerMegabytes,
      Map<String, String> workerProperties)
      throws IOException, InterruptedException {
    this.folder = folder;
    this.distribution = distribution;
    this.sparkHome = distribution.isPresent() ? distribution.get() : installation(folder);
    Runtime.getRuntime().addShutdownHook(atExit);
    try {
      start("master", "org.apache.spark.deploy.master.Master", "--port", "0", "--webui-port", "0");
      masterUrl = waitFor("master", MASTER_URL).group(1);
      addWorker("worker", workerCores, workerMegabytes, workerProperties);
    } catch (RuntimeException | IOException | InterruptedException e) {
      close();
      throw e;
    }
  }

  /** What Spark takes for an installation of its own. */
  private static Path installation(Path folder) throws IOException {
    Path home = Files.createDirectories(folder.resolve("spark"));
    Files.createSymbolicLink(home.resolve("jars"), built("firesteel.spark.home").resolve("jars"));
    Files.writeString(home.resolve("RELEASE"), "from Maven's jars\n");
    return home;
  }

  /**
   * As {@link #start(int, int)}, by the scripts {@code bin/spark-class} and {@code
   * bin/spark-submit} of a distribution of Spark.
   */
  static SparkCluster ofDistribution(Path sparkHome, int workerCores, int workerMegabytes)
      throws IOException, InterruptedException {
    return new SparkCluster(
        Files.createTempDirectory("firesteel-cluster-"),
        Optional.of(sparkHome),
        workerCores,
        workerMegabytes,
        Map.of());
  }

  /** Starts a master and one worker that has this much to give to executors. */
  static SparkCluster start(int workerCores, int workerMegabytes)
      throws IOException, InterruptedException {
    return start(workerCores, workerMegabytes, Map.of());
  }

  /** As the other, with Spark properties of the worker. */
  static SparkCluster start(
      int workerCores, int workerMegabytes, Map<String, String> workerProperties)
      throws IOException, InterruptedException {
    built("firesteel.job.jar"); // Fails before anything is made where Maven did not package it.
    return new SparkCluster(
        Files.createTempDirectory("firesteel-cluster-"),
        Optional.empty(),
        workerCores,
        workerMegabytes,
        workerProperties);
  }

  private Path properties(String name, Map<String, String> properties) throws IOException {
    List<String> lines = new ArrayList<>();
    properties.forEach((key, value) -> lines.add(key + " " + value));
    return Files.write(folder.resolve(name + ".conf"), lines, StandardCharsets.UTF_8);
  }

  /** Starts a further worker, and returns when its master knows it. */
  Process addWorker(String name, int cores, int megabytes)
      throws IOException, InterruptedException {
    return addWorker(name, cores, megabytes, Map.of());
  }

  private Process addWorker(
      String name, int cores, int megabytes, Map<String, String> workerProperties)
      throws IOException, InterruptedException {
    start(
        name,
        "org.apache.spark.deploy.worker.Worker",
        "--port",
        "0",
        "--webui-port",
        "0",
        "--cores",
        Integer.toString(cores),
        "--memory",
        megabytes + "m",
        "--work-dir",
        folder.resolve("work-" + name).toString(),
        "--properties-file",
        properties(name, workerProperties).toString(),
        masterUrl);
    waitFor(name, REGISTERED);
    return processes.get(processes.size() - 1);
  }

  /** What a process said, and how it ended. */
  record Outcome(int exitCode, String out, String err) {}

  /**
   * Runs {@code spark-submit [submitOptions] --class dev.firesteel.spark.Firesteel <job jar>
   * [arguments]} against this cluster.
   */
  Outcome submit(List<String> submitOptions, List<String> arguments, Duration limit)
      throws IOException, InterruptedException {
    return await(submitting("submit", submitOptions, arguments), "submit", limit);
  }

  /** As {@link #submit}, without waiting. */
  Process submitting(String name, List<String> submitOptions, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.addAll(List.of("--master", masterUrl));
    // The cluster has no name that resolves.
    command.addAll(List.of("--conf", "spark.driver.host=127.0.0.1"));
    command.addAll(List.of("--conf", "spark.ui.enabled=false"));
    command.addAll(submitOptions);
    command.addAll(List.of("--class", Firesteel.class.getName()));
    command.add(built("firesteel.job.jar").toString());
    command.addAll(arguments);
    return launch(name, SUBMIT, Map.of(), command.toArray(String[]::new));
  }

  /** Waits for a process of {@link #submitting}. */
  Outcome await(Process process, String name, Duration limit)
      throws IOException, InterruptedException {
    if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError(name + " ran past " + limit + ":\n" + text(name + ".err"));
    }
    return new Outcome(process.exitValue(), text(name + ".out"), text(name + ".err"));
  }

  /** All processes that now run on behalf of this cluster. */
  List<ProcessHandle> running() {
    return processes.stream()
        .map(Process::toHandle)
        .flatMap(handle -> Stream.concat(handle.descendants(), Stream.of(handle)))
        .filter(ProcessHandle::isAlive)
        .toList();
  }

  Path folder() {
    return folder;
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(atExit);
    end();
  }

  private void end() {
    // The worker first stops starting executors, then those that run are ended.
    List<ProcessHandle> running = running();
    processes.forEach(Process::destroyForcibly);
    running.forEach(ProcessHandle::destroyForcibly);
    running.forEach(handle -> handle.onExit().join());
    FileUtil.fullyDelete(folder.toFile());
  }

  private void start(String name, String mainClass, String... arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of("--host", "127.0.0.1"));
    all.addAll(List.of(arguments));
    // In the locale of a container, so that executors do not get a better one by inheritance.
    launch(name, mainClass, Map.of("LC_ALL", "C"), all.toArray(String[]::new));
  }

  private Process launch(
      String name, String mainClass, Map<String, String> environment, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    if (distribution.isEmpty()) {
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.add("@" + built("firesteel.jvm.options"));
      command.add("-Xmx512m");
      command.add("-XX:+UseSerialGC");
      // Short lives without arithmetic: C2's work would take cores from the executors.
      command.add("-XX:TieredStopAtLevel=1");
      command.addAll(List.of("-cp", sparkHome.resolve("jars") + File.separator + "*", mainClass));
    } else if (mainClass.equals(SUBMIT)) {
      command.add(sparkHome.resolve("bin/spark-submit").toString());
    } else {
      command.addAll(List.of(sparkHome.resolve("bin/spark-class").toString(), mainClass));
    }
    command.addAll(List.of(arguments));
    var builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(folder.resolve(name + ".out").toFile())
            .redirectError(folder.resolve(name + ".err").toFile());
    // Nothing of the machine's own Spark may take part.
    builder.environment().keySet().removeIf(variable -> variable.startsWith("SPARK_"));
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("SPARK_HOME", sparkHome.toString());
    builder.environment().put("SPARK_SCALA_VERSION", "2.13");
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    builder.environment().put("SPARK_LOCAL_DIRS", folder.resolve("scratch").toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    processes.add(process);
    return process;
  }

  private Matcher waitFor(String name, Pattern line) throws IOException, InterruptedException {
    Process process = processes.get(processes.size() - 1);
    Instant limit = Instant.now().plus(START_LIMIT);
    while (true) {
      Matcher matcher = line.matcher(text(name + ".err"));
      if (matcher.find()) {
        return matcher;
      }
      if (!process.isAlive() || Instant.now().isAfter(limit)) {
        throw new AssertionError("Spark's " + name + " did not start:\n" + text(name + ".err"));
      }
      Thread.sleep(100);
    }
  }

  /** What was written to a file of this cluster so far. */
  String text(String file) {
    try {
      return Files.readString(folder.resolve(file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What the drivers that ran in this cluster wrote to their standard error. */
  String driverErrors() throws IOException {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> drivers = Files.list(folder.resolve("work-worker"))) {
      for (Path driver : drivers.filter(each -> each.toString().contains("driver-")).toList()) {
        all.append(Files.readString(driver.resolve("stderr"), StandardCharsets.UTF_8));
      }
    }
    return all.toString();
  }

  /** A path that the build hands to the tests of packaged code. */
  static Path built(String property) {
    return Path.of(
        Objects.requireNonNull(
            System.getProperty(property), () -> property + " is set by Maven: run mvn verify"));
  }
}

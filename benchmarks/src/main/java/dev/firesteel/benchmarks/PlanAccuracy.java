package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.random.RandomStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The memory that {@code ./firesteel plan} predicts beside what {@code ./firesteel pretrain} takes,
 * Spark and all, under the heap that the plan recommends. The heap is what is left in use after
 * full collections while steps go on, the least of some readings, since steps leave garbage: a
 * run's pool keeps what the busiest moment needed. The peak of resident memory (Linux) is that of
 * the whole process, bf16 copies and garbage included. Ends with exit code 1 when a prediction is
 * off by more than 15 %.
 *
 * <pre>{@code
 * ./mvnw -q -Pmemory -pl benchmarks -am verify -DskipTests -Dbenchmark="shapes=0.1M,4.3M,13.9M,llama"
 * }</pre>
 *
 * <p>Settings, all optional: {@code shapes=}, {@code precisions=fp32,bf16}, {@code
 * recompute=none,attention,block}, {@code heap=} for {@code -Xmx} instead of the plan's.
 */
final class PlanAccuracy {
  private static final String HEADER =
      String.join(
          " | ",
          "| shape",
          "precision",
          "recompute",
          "-Xmx",
          "heap predicted, MiB",
          "measured",
          "error",
          "resident, MiB",
          "tokens/s |");
  private static final double MOST_ERROR = 0.15;
  private static final int STEPS = 4;
  private static final int COLLECTIONS = 4;
  private static final double MIB = 1 << 20;

  private static final Path WORK = Path.of("benchmarks", "target", "plan-accuracy");
  private static final double KIB_IN_MIB = 1 << 10;
  private static final Pattern HEAP = Pattern.compile("heap +total \\d+K, used (\\d+)K");
  private static final Pattern PEAK_RESIDENT = Pattern.compile("VmHWM:\\s+(\\d+) kB");
  private static final Pattern STEP = Pattern.compile("step (\\d+)/.* (\\d+) tokens/s.*");

  /** Overrides of each shape: those of {@link TrainingShape}, a Llama, and GPT-2 small in full. */
  private static final Map<String, String> SHAPES =
      Map.of(
          "0.1M", "gpt2 2 2 64 257 2 48",
          "4.3M", "gpt2 4 4 256 4096 8 256",
          "13.9M", "gpt2 6 6 384 8192 8 256",
          "llama", "llama 8 8 512 8192 4 512",
          "124M", "gpt2 12 12 768 50257 1 1024",
          "124M-8", "gpt2 12 12 768 50257 8 1024");

  private PlanAccuracy() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    List<String> shapes = setting(args, "shapes", "0.1M,4.3M,13.9M,llama");
    List<String> precisions = setting(args, "precisions", "fp32,bf16");
    List<String> choices = setting(args, "recompute", "none,attention,block");
    String heap = setting(args, "heap", "").get(0);
    writeText();
    System.out.println(Machine.describe());
    System.out.println();
    System.out.println(HEADER);
    System.out.println("|---|---|---|---|---|---|---|---|---|");
    boolean kept = true;
    for (String shape : shapes) {
      for (String precision : precisions) {
        for (String choice : choices) {
          kept &= compare(shape, precision, choice, heap);
        }
      }
    }
    if (!kept) {
      System.err.println("A prediction must be within 15 percent of the heap that was measured.");
      System.exit(1);
    }
  }

  private static List<String> setting(String[] args, String name, String byDefault) {
    return Arrays.stream(args)
        .flatMap(arg -> Arrays.stream(arg.trim().split(" +", -1)))
        .filter(arg -> arg.startsWith(name + "="))
        .map(arg -> arg.substring(name.length() + 1))
        .findFirst()
        .map(value -> List.of(value.split(",", -1)))
        .orElseGet(() -> List.of(byDefault.split(",", -1)));
  }

  private static boolean compare(String shape, String precision, String choice, String heap)
      throws IOException, InterruptedException {
    List<String> overrides = overrides(shape, precision, choice);
    JsonNode memory = plan(overrides).at("/plan/memory");
    String xmx =
        heap.isEmpty() ? memory.at("/recommended_heap_bytes").asLong() / (1 << 20) + "m" : heap;
    double predicted = memory.at("/peak_heap_bytes").asLong() / MIB;
    Measured measured = train(overrides, xmx);
    double error = predicted / measured.heapMib - 1;
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %s | %s | %.0f | %.0f | %+.1f %% | %.0f | %s |%n",
        shape,
        precision,
        choice,
        xmx,
        predicted,
        measured.heapMib,
        100 * error,
        measured.residentMib,
        measured.tokensPerSecond);
    return Math.abs(error) <= MOST_ERROR;
  }

  private static List<String> overrides(String shape, String precision, String choice) {
    String described = SHAPES.get(shape);
    if (described == null) {
      throw new IllegalArgumentException(
          "no shape is called " + shape + "; there are " + SHAPES.keySet());
    }
    String[] s = described.split(" ", -1);
    List<String> overrides = new ArrayList<>();
    overrides.add("name=" + shape + "-" + precision + "-" + choice);
    overrides.add("runs_folder=" + WORK.resolve("runs"));
    overrides.add("data.source=" + WORK.resolve("text.txt"));
    overrides.add("data.path=" + WORK.resolve("data"));
    overrides.add("data.split=tail");
    overrides.add("tokenizer.kind=byte");
    overrides.add("model.architecture=" + s[0]);
    overrides.add("model.layers=" + s[1]);
    overrides.add("model.heads=" + s[2]);
    overrides.add("model.width=" + s[3]);
    overrides.add("model.vocabulary_size=" + s[4]);
    overrides.add("training.micro_batch_size=" + s[5]);
    overrides.add("training.global_batch_size=" + s[5]);
    overrides.add("model.context_length=" + s[6]);
    if (s[0].equals("llama")) {
      overrides.add("model.kv_heads=4");
    }
    overrides.add("compute.precision=" + precision);
    overrides.add("compute.recompute=" + choice);
    overrides.add("training.steps=1000000");
    overrides.add("evaluation.batches=1");
    overrides.add("evaluation.every=0");
    overrides.add("checkpoint.every=0");
    overrides.add("logging.every=1");
    overrides.add("sample.prompt=the");
    return overrides;
  }

  /** Half a megabyte of made-up words. */
  private static void writeText() throws IOException {
    Files.createDirectories(WORK);
    Path file = WORK.resolve("text.txt");
    if (Files.exists(file)) {
      return;
    }
    RandomStream random = RandomStream.of(1, "plan accuracy text");
    StringBuilder text = new StringBuilder();
    while (text.length() < 1 << 19) {
      int letters = 1 + random.nextInt(9);
      for (int i = 0; i < letters; i++) {
        text.append((char) ('a' + random.nextInt(26)));
      }
      text.append(random.nextInt(12) == 0 ? '\n' : ' ');
    }
    Files.writeString(file, text);
  }

  private static JsonNode plan(List<String> overrides) throws IOException, InterruptedException {
    List<String> command = command("plan", overrides);
    command.add("--json");
    command.add("--no-probe");
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("the plan failed: " + output);
    }
    return new ObjectMapper().readTree(output.substring(output.indexOf('{')));
  }

  private static List<String> command(String name, List<String> overrides) {
    List<String> command = new ArrayList<>(List.of("./firesteel", name));
    command.addAll(overrides);
    return command;
  }

  private static final class Measured {
    private final double heapMib;
    private final double residentMib;
    private final String tokensPerSecond;

    Measured(double heapMib, double residentMib, String tokensPerSecond) {
      this.heapMib = heapMib;
      this.residentMib = residentMib;
      this.tokensPerSecond = tokensPerSecond;
    }
  }

  private static Measured train(List<String> overrides, String xmx)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command("pretrain", overrides)).redirectErrorStream(true);
    builder.environment().put("FIRESTEEL_JAVA_OPTS", "-Xmx" + xmx);
    Process process = builder.start();
    List<String> said = new ArrayList<>();
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      String speed = "";
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        said.add(line);
        Matcher step = STEP.matcher(line);
        if (step.matches()) {
          speed = step.group(2);
          if (Integer.parseInt(step.group(1)) >= STEPS) {
            return measure(process.pid(), speed);
          }
        }
      }
      throw new IOException("training ended: " + String.join("\n", said));
    } finally {
      // It must not write a checkpoint, nor outlive this.
      process.destroyForcibly().waitFor(1, TimeUnit.MINUTES);
    }
  }

  private static Measured measure(long pid, String speed) throws IOException, InterruptedException {
    long used = Long.MAX_VALUE;
    for (int i = 0; i < COLLECTIONS; i++) {
      ask(pid, "GC.run");
      Matcher heap = HEAP.matcher(ask(pid, "GC.heap_info"));
      if (!heap.find()) {
        throw new IOException("process " + pid + " tells no use of its heap");
      }
      used = Math.min(used, Long.parseLong(heap.group(1)));
      Thread.sleep(300);
    }
    return new Measured(used / KIB_IN_MIB, peakResidentKib(pid) / KIB_IN_MIB, speed);
  }

  /** The peak of the process's resident memory, heap and native, garbage included. */
  private static long peakResidentKib(long pid) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc", Long.toString(pid), "status"))) {
      Matcher peak = PEAK_RESIDENT.matcher(line);
      if (peak.matches()) {
        return Long.parseLong(peak.group(1));
      }
    }
    throw new IOException("process " + pid + " has no VmHWM in its status");
  }

  /** Attaching through JMX would do it, too, with a server's naming and serialization. */
  private static String ask(long pid, String question) throws IOException, InterruptedException {
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    Process process =
        new ProcessBuilder(jcmd, Long.toString(pid), question).redirectErrorStream(true).start();
    String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(question + " failed: " + answer);
    }
    return answer;
  }
}

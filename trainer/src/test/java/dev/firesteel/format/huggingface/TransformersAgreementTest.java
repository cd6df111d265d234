package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.HostTensor;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.TestModels;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Against transformers itself, in another process: directories that it writes have the same logits
 * here, and directories that we write, of each element type, have the same logits there. Prints a
 * table. Run with a Python that has torch, transformers and tokenizers:
 *
 * <pre>{@code
 * ./mvnw -pl core,trainer test -Dtest=TransformersAgreementTest \
 *     -Dsurefire.failIfNoSpecifiedTests=false -Dfiresteel.python=python3
 * }</pre>
 */
class TransformersAgreementTest {
  private static final String PYTHON = System.getProperty("firesteel.python", "");
  private static final Path PROGRAM =
      Path.of("src/test/resources/published-models/published_models.py");
  private static final double TOLERANCE = 1e-4;

  @TempDir private Path folder;
  private final FileSystem fs = local();

  private static FileSystem local() {
    try {
      return FailingFileSystem.local();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void bothReadWhatTheOtherWrites() throws IOException, InterruptedException {
    assumeTrue(
        !PYTHON.isEmpty(),
        "comparing with transformers needs a Python that has torch, transformers and tokenizers, as -Dfiresteel.python=python3");
    if (run("-c", "import torch, transformers, tokenizers, safetensors").exit() != 0) {
      abort(PYTHON + " has no torch, transformers, tokenizers or safetensors: install them");
    }
    Path theirs = folder.resolve("theirs");
    Output written = run(PROGRAM.toString(), "write", theirs.toString());
    assertThat(written.exit()).as(written.text()).isZero();

    List<String> rows = new ArrayList<>();
    List<Path> ours = new ArrayList<>();
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 2))) {
      for (Path directory : directories(theirs)) {
        rows.add(read(backend, directory));
        for (FloatType dtype : FloatType.values()) {
          Path to = folder.resolve("ours").resolve(directory.getFileName() + "-as-" + dtype);
          write(backend, directory, dtype, to);
          ours.add(to);
        }
      }
    }
    List<String> arguments = new ArrayList<>(List.of(PROGRAM.toString(), "read"));
    ours.forEach(directory -> arguments.add(directory.toString()));
    Output read = run(arguments.toArray(String[]::new));
    assertThat(read.exit()).as(read.text()).isZero();
    List<String> back = new ArrayList<>();
    for (String line : read.text().lines().filter(text -> text.startsWith("{")).toList()) {
      var json = new ObjectMapper().readTree(line);
      double difference = json.path("difference").asDouble();
      String name = Path.of(json.path("folder").asText()).getFileName().toString();
      back.add(String.format(Locale.ROOT, "| %s | %.1e |", name, difference));
      assertThat(difference).as(name).isLessThan(TOLERANCE);
    }
    assertThat(back).hasSameSizeAs(ours);
    print(written.text().lines().reduce("", (first, last) -> last), rows, back);
  }

  private static void print(String versions, List<String> rows, List<String> back) {
    PrintStream out = System.out;
    out.println(versions);
    out.println(
        "\n| directory that transformers wrote | type | files | parameters | largest difference of a logit here |");
    out.println("|---|---|---|---|---|");
    rows.forEach(out::println);
    out.println("\n| directory that Firesteel wrote | largest difference of a logit there |");
    out.println("|---|---|");
    back.forEach(out::println);
  }

  private static List<Path> directories(Path parent) throws IOException {
    try (Stream<Path> list = Files.list(parent)) {
      return list.sorted().toList();
    }
  }

  /** Reads a directory, and compares its logits with those of transformers. */
  private String read(Backend backend, Path directory) throws IOException {
    float[] ids = expected(directory, "ids");
    float[] wanted = expected(directory, "logits");
    String name = directory.getFileName().toString();
    ModelDirectory.readTokenizer(fs, hadoop(directory));
    try (LanguageModel model = ModelDirectory.read(fs, hadoop(directory), backend, notice -> {})) {
      float[] got = TestModels.logits(model, integers(ids), 2, ids.length / 2);
      double difference = 0;
      for (int i = 0; i < got.length; i++) {
        difference = Math.max(difference, Math.abs(got[i] - wanted[i]));
      }
      assertThat(difference).as(name).isLessThan(TOLERANCE);
      long files;
      try (Stream<Path> list = Files.list(directory)) {
        files = list.filter(file -> file.getFileName().toString().startsWith("model")).count();
      }
      String type =
          new ObjectMapper()
              .readTree(directory.resolve(ModelDirectory.CONFIG).toFile())
              .path("dtype")
              .asText();
      return String.format(
          Locale.ROOT,
          "| %s | %s | %d | %d | %.1e |",
          name,
          type,
          Math.max(1, files - 1),
          model.parameters().count(),
          difference);
    }
  }

  /** Writes a directory's model in another type, with the logits of what was written. */
  private void write(Backend backend, Path from, FloatType dtype, Path to) throws IOException {
    float[] ids = expected(from, "ids");
    try (LanguageModel model = ModelDirectory.read(fs, hadoop(from), backend, notice -> {})) {
      ModelDirectory.write(
          new CheckpointWriter(fs, hadoop(to), Attempt.unfenced(), () -> {}),
          model,
          model.parameters().weights(),
          dtype,
          ModelDirectory.readTokenizer(fs, hadoop(from)),
          Optional.empty(),
          new SampleConfig("", 0, 8, 1, 0, 1));
    }
    try (LanguageModel written = ModelDirectory.read(fs, hadoop(to), backend, notice -> {});
        OutputStream out = Files.newOutputStream(to.resolve("expected.safetensors"))) {
      float[] logits = TestModels.logits(written, integers(ids), 2, ids.length / 2);
      Shape tokens = Shape.of(2, ids.length / 2);
      Safetensors.write(
          List.of(
              HostTensor.of("ids", tokens, ids),
              HostTensor.of(
                  "logits",
                  Shape.of(2, ids.length / 2, written.config().vocabularySize()),
                  logits)),
          Map.of(),
          out);
    }
  }

  private float[] expected(Path directory, String name) throws IOException {
    try (SafetensorsFile file =
        SafetensorsFile.open(fs, hadoop(directory.resolve("expected.safetensors")))) {
      float[] values = new float[Math.toIntExact(file.tensors().get(name).shape().size())];
      file.read(name, 0, values, values.length);
      return values;
    }
  }

  private static int[] integers(float[] values) {
    int[] integers = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      integers[i] = (int) values[i];
    }
    return integers;
  }

  private static org.apache.hadoop.fs.Path hadoop(Path path) {
    return new org.apache.hadoop.fs.Path(path.toString());
  }

  private record Output(int exit, String text) {}

  private static Output run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(PYTHON));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Output(process.waitFor(), text);
  }
}

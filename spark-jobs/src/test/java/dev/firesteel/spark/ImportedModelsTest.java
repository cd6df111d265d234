package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Models of other tools become aligned ones by the commands that a user gives, from import on. */
class ImportedModelsTest {

  @TempDir private static Path folder;
  private static final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private static final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private enum Kind {
    HUGGING_FACE,
    GGUF,
    LLAMA2C
  }

  @BeforeAll
  static void writeRecords() throws IOException {
    Files.writeString(folder.resolve("text.txt"), "ab ba ab ba. ".repeat(300));
    List<String> answers = new ArrayList<>();
    List<String> pairs = new ArrayList<>();
    List<String> prompts = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      answers.add("{\"prompt\":\"say %d: \",\"completion\":\"ab ba\"}".formatted(i));
      pairs.add(
          "{\"prompt\":\"say %d: \",\"chosen\":\"ab ab\",\"rejected\":\"ba ba\"}".formatted(i));
      prompts.add("{\"prompt\":\"say %d: \"}".formatted(i));
    }
    Files.write(folder.resolve("answers.jsonl"), answers);
    Files.write(folder.resolve("pairs.jsonl"), pairs);
    Files.write(folder.resolve("prompts.jsonl"), prompts);
  }

  @ParameterizedTest
  @EnumSource
  void goThroughAllStages(Kind kind) throws IOException {
    Path imported = folder.resolve("imported-" + kind);
    firesteel("import", source(kind).toString(), "--out", imported.toString());
    String name = kind.name().toLowerCase(Locale.ROOT);

    firesteel("generate", imported.toString(), "--prompt", "ab", "--max-tokens", "4");
    Path data = folder.resolve("data-" + kind);
    firesteel(
        "prepare",
        "data.source=" + folder.resolve("text.txt"),
        "data.path=" + data,
        "data.validation_fraction=0.1",
        "tokenizer.file=" + imported.resolve("tokenizer.json"));
    out.reset();
    firesteel("eval", imported.toString(), "--data", data.toString());
    assertThat(text(out)).contains("perplexity");

    train("sft", name, imported, "answers.jsonl", "optimizer.learning_rate=1e-2");
    assertThat(number("sft-" + name, "val_loss", 6))
        .isLessThan(number("sft-" + name, "val_loss", 0));
    Path tuned = folder.resolve("runs/sft-" + name);
    if (kind == Kind.GGUF) { // One kind is enough: all read the same imported directory.
      align(name, imported);
    }

    out.reset();
    firesteel("eval", tuned.toString(), "--data", data.toString());
    assertThat(text(out)).contains("perplexity");
    firesteel("generate", tuned.toString(), "--prompt", "say 1: ", "--max-tokens", "4");
    // And out again, as a file of the kind that they came from.
    if (kind != Kind.LLAMA2C) {
      firesteel("export", tuned.toString(), "--to", "gguf", "--out", folder + "/" + name + ".gguf");
    }
    firesteel("export", tuned.toString(), "--to", "hf", "--out", folder + "/hf-" + name);
  }

  private static void align(String name, Path imported) throws IOException {
    train("reward", name, imported, "pairs.jsonl", "optimizer.learning_rate=1e-2");
    assertThat(number("reward-" + name, "val_accuracy", 6)).isEqualTo(1);
    train("dpo", name, imported, "pairs.jsonl", "optimizer.learning_rate=2e-3");
    assertThat(number("dpo-" + name, "val_loss", 0)).isCloseTo(Math.log(2), within(1e-12));
    train(
        "ppo",
        name,
        imported,
        "prompts.jsonl",
        "rewards.model=" + folder.resolve("runs/reward-" + name),
        "rollouts.prompts=8",
        "rollouts.max_tokens=8",
        "training.steps=2");
  }

  private static void train(
      String command, String name, Path model, String records, String... settings) {
    List<String> all = new ArrayList<>();
    all.add(command);
    all.add("name=" + command + "-" + name);
    all.add("model.from=" + model);
    all.add("data.source=" + folder.resolve(records));
    all.add("data.path=" + folder.resolve(command + "-data-" + name));
    all.add("data.validation_fraction=0.2");
    all.add("training.steps=6");
    all.add("training.global_batch_size=8");
    all.add("training.micro_batch_size=8");
    all.add("runs_folder=" + folder.resolve("runs"));
    all.add("compute.threads=2");
    all.add("sample.max_tokens=4");
    all.addAll(List.of(settings));
    firesteel(all.toArray(String[]::new));
  }

  private static Path source(Kind kind) throws IOException {
    return switch (kind) {
      case HUGGING_FACE -> {
        pretrain("gpt2", "model.tie_embeddings=true");
        Path published = folder.resolve("published");
        export("gpt2", published, "--to", "hf", "--type", "bf16");
        yield published;
      }
      case GGUF -> {
        pretrain("llama", "model.architecture=llama", "model.kv_heads=1");
        Path file = folder.resolve("model.gguf");
        export("llama", file, "--to", "gguf", "--type", "q8_0");
        // As other tools write it: without our own keys.
        String bytes = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        Files.write(
            file,
            bytes
                .replace("firesteel.config.json", "unknown.config.json.x")
                .replace("tokenizer.huggingface.json", "tokenizer.unknown.json.xyz")
                .getBytes(StandardCharsets.ISO_8859_1));
        yield file;
      }
      case LLAMA2C -> llama2c();
    };
  }

  private static void pretrain(String name, String... settings) {
    List<String> all = new ArrayList<>();
    all.add("pretrain");
    all.add("name=" + name);
    all.add("data.source=" + folder.resolve("text.txt"));
    all.add("data.path=" + folder.resolve("text-data"));
    all.add("tokenizer.kind=byte");
    all.add("data.validation_fraction=0.1");
    all.add("model.layers=1");
    all.add("model.width=32");
    all.add("model.heads=2");
    all.add("model.context_length=48");
    all.add("training.steps=20");
    all.add("training.micro_batch_size=4");
    all.add("training.global_batch_size=4");
    all.add("evaluation.every=0");
    all.add("runs_folder=" + folder.resolve("runs"));
    all.add("compute.threads=2");
    all.add("sample.max_tokens=4");
    all.addAll(List.of(settings));
    firesteel(all.toArray(String[]::new));
  }

  private static void export(String run, Path to, String... options) {
    List<String> all = new ArrayList<>(List.of("export", folder.resolve("runs") + "/" + run));
    all.addAll(List.of(options));
    all.addAll(List.of("--out", to.toString()));
    firesteel(all.toArray(String[]::new));
  }

  /** A file of llama2.c's version 0 with random weights, and its tokenizer beside it. */
  private static Path llama2c() throws IOException {
    int width = 32;
    int inner = 48;
    int heads = 2;
    int context = 48;
    List<String> words = List.of(" ", "a", "b", "s", "y", ":", "ab", "ba", " ab", " ba");
    int tokens = 259 + words.size();
    int norms = 3 * width;
    int matrices = tokens * width + 4 * width * width + 3 * inner * width;
    int rotations = context * width / heads;
    ByteBuffer model =
        ByteBuffer.allocate(28 + (norms + matrices + rotations) * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    model.putInt(width).putInt(inner).putInt(1).putInt(heads).putInt(heads);
    model.putInt(tokens).putInt(context); // tied
    Random random = new Random(3);
    while (model.hasRemaining()) {
      model.putFloat((float) (0.1 * random.nextGaussian()));
    }
    Path file = Files.write(folder.resolve("stories.bin"), model.array());

    ByteBuffer tokenizer = ByteBuffer.allocate(1 << 14).order(ByteOrder.LITTLE_ENDIAN).putInt(5);
    for (int id = 0; id < tokens; id++) {
      String text =
          id == 0
              ? "<unk>"
              : id < 3
                  ? "\n<s>\n"
                  : id < 259 ? String.format(Locale.ROOT, "<0x%02X>", id - 3) : words.get(id - 259);
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      tokenizer.putFloat(id < 259 ? 0 : 259 - id).putInt(utf8.length).put(utf8);
    }
    byte[] bytes = new byte[tokenizer.position()];
    tokenizer.flip().get(bytes);
    Files.write(folder.resolve("tokenizer.bin"), bytes);
    return file;
  }

  private static void firesteel(String... arguments) {
    int code = Firesteel.run(arguments, print(out), print(err));
    assertThat(code).as("%s: %s", arguments[0], text(err)).isZero();
  }

  private static double number(String run, String key, int step) throws IOException {
    return MetricRows.number(folder.resolve("runs/" + run), step, key);
  }

  private static PrintStream print(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}

package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.format.gguf.GgmlType;
import dev.firesteel.format.gguf.GgufExport;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A trained model keeps its perplexity in each type of GGUF that is offered: to 0.1 % in F16 and
 * BF16, to 0.5 % in Q8_0, to 5 % in Q4_0. The model learns sentences of a small grammar; what it is
 * measured on are other sentences of it.
 */
class QuantizedPerplexityTest {
  private static final int WIDTH = 64;
  private static final int TOKENS = 64;
  private static final int BATCH = 8;
  private static final int STEPS = 150;
  private static final String[] SUBJECTS = {
    "the cat", "a dog", "the king", "a bird", "the old man"
  };
  private static final String[] VERBS = {"saw", "took", "found", "wanted", "lost"};
  private static final String[] OBJECTS = {"a hat", "the end", "an egg", "the night", "a house"};

  @TempDir private Path folder;

  @Test
  void eachTypeKeepsThePerplexity() throws IOException {
    Tokenizer tokenizer = TextTokenizers.characters();
    ModelConfig config = TestModels.llama(2, WIDTH, 4, 2, 128, TOKENS, tokenizer.vocabularySize());
    Path directory = folder.resolve("model");
    Map<GgmlType, Double> perplexity = new TreeMap<>();
    try (Backend backend = SavedModels.backend()) {
      train(backend, config, tokenizer, directory);
      double exact = perplexity(backend, directory, tokenizer);
      // It has learned something: no more than 3 characters are likely on average.
      assertThat(exact).isLessThan(3);
      for (GgmlType type : GgufExport.TYPES) {
        Path file = folder.resolve(type + ".gguf");
        new ModelExport(
                SavedModels.hadoop(directory),
                SavedModels.hadoop(file),
                "",
                SavedModels.HADOOP,
                backend,
                notice -> {})
            .toGguf(type);
        Path back = folder.resolve("from-" + type);
        new ModelImport(
                SavedModels.hadoop(file),
                SavedModels.hadoop(back),
                null,
                0,
                SavedModels.HADOOP,
                backend,
                notice -> {})
            .run();
        perplexity.put(type, perplexity(backend, back, tokenizer) / exact - 1);
      }
    }
    assertThat(perplexity.get(GgmlType.F32)).isZero();
    assertWithin(perplexity, GgmlType.F16, 0.001);
    assertWithin(perplexity, GgmlType.BF16, 0.001);
    assertWithin(perplexity, GgmlType.Q8_0, 0.005);
    assertWithin(perplexity, GgmlType.Q4_0, 0.05);
    assertThat(perplexity).hasSize(5);
  }

  private static void assertWithin(Map<GgmlType, Double> changes, GgmlType type, double most) {
    assertThat(Math.abs(changes.get(type))).as("%s of %s", type, changes).isLessThan(most);
  }

  private static void train(Backend backend, ModelConfig config, Tokenizer tokenizer, Path to)
      throws IOException {
    try (LanguageModel model = Models.create(config, backend, 5);
        ArrayPool pool = new ArrayPool(backend)) {
      Segment gradients = model.parameters().newSegment();
      AdamW optimizer =
          new AdamW(model.parameters(), new OptimizerConfig(5e-3, 0.9, 0.95, 1e-8, 0.1));
      for (int step = 0; step < STEPS; step++) {
        int[] ids = ids(tokenizer, step * BATCH);
        try (Tape tape = Tape.training(backend, pool)) {
          ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 0);
          tape.backward(loss(model, pass, tape, ids));
        }
        optimizer.step(gradients, 5e-3 * Math.min(1, (step + 1) / 20.0), 1.0);
      }
      ModelDirectory.write(
          new CheckpointWriter(
              SavedModels.fs(), SavedModels.hadoop(to), Attempt.unfenced(), () -> {}),
          model,
          tokenizer,
          new SampleConfig("", 0, 64, 0, 0, 1));
    }
  }

  private static Tensor loss(LanguageModel model, ForwardPass pass, Tape tape, int[] ids) {
    return model.loss(
        pass,
        tape.constant(columns(ids, 0), Shape.of(BATCH, TOKENS)),
        tape.constant(columns(ids, 1), Shape.of(BATCH, TOKENS)),
        1.0 / (BATCH * TOKENS));
  }

  /** [B, T] of [B, T + 1], from a column on. */
  private static int[] columns(int[] ids, int from) {
    int[] columns = new int[BATCH * TOKENS];
    for (int row = 0; row < BATCH; row++) {
      System.arraycopy(ids, row * (TOKENS + 1) + from, columns, row * TOKENS, TOKENS);
    }
    return columns;
  }

  /** Rows of text, [B, T + 1]. */
  private static int[] ids(Tokenizer tokenizer, int seed) {
    int[] ids = new int[BATCH * (TOKENS + 1)];
    for (int row = 0; row < BATCH; row++) {
      Random random = new Random(seed + row);
      StringBuilder text = new StringBuilder();
      while (text.length() <= TOKENS) {
        text.append(SUBJECTS[random.nextInt(5)]).append(' ');
        text.append(VERBS[random.nextInt(5)]).append(' ');
        text.append(OBJECTS[random.nextInt(5)]).append(". ");
      }
      int[] encoded = tokenizer.encode(text.substring(0, TOKENS + 1));
      System.arraycopy(encoded, 0, ids, row * (TOKENS + 1), TOKENS + 1);
    }
    return ids;
  }

  private static double perplexity(Backend backend, Path directory, Tokenizer tokenizer) {
    try (SavedModel saved =
            SavedModel.open(SavedModels.hadoop(directory), SavedModels.HADOOP, backend);
        ArrayPool pool = new ArrayPool(backend)) {
      double sum = 0;
      for (int batch = 0; batch < 4; batch++) {
        int[] ids = ids(tokenizer, 1_000_000 + batch * BATCH);
        try (Tape tape = Tape.inference(backend, pool)) {
          ForwardPass pass = ForwardPass.inference(tape, saved.model().parameters());
          sum += loss(saved.model(), pass, tape, ids).item();
        }
      }
      return Math.exp(sum / 4);
    }
  }
}

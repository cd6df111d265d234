package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.generate.TokenListener;
import dev.firesteel.model.TestModels;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * llama.cpp loads the exported files: it encodes texts to the same tokens and completes them to the
 * same greedy texts as we do.
 */
class LlamaCppTest {
  private static final List<String> PROMPTS =
      List.of(
          "Once upon a time",
          "the end",
          "A",
          "there was",
          "in 1984 we had 12 cats.",
          "It's  two spaces",
          "x",
          "they'll go, won't they?",
          "night",
          " the way");
  private static final int TOKENS = 64;
  private static final int CONTEXT = 128;

  /** Logits that differ by less are equal to llama.cpp, whose GELU is a table of binary16. */
  private static final double TIE = 2e-3;

  @TempDir private Path folder;

  private static ModelConfig gpt2(boolean bias, boolean tied) {
    return TestModels.gpt2(2, 32, 4, CONTEXT, 0, bias, ModelConfig.Activation.GELU_TANH, tied);
  }

  private static ModelConfig llama(Architecture architecture, boolean tied) {
    return TestModels.llama(2, 32, 4, 2, 48, CONTEXT, 0, RopeSpec.Layout.HALF, tied).toBuilder()
        .architecture(architecture)
        .attentionBias(null)
        .feedForwardBias(null)
        .ropeTheta(500000)
        .build();
  }

  private static Map<String, ModelConfig> models() {
    Map<String, ModelConfig> models = new LinkedHashMap<>();
    models.put("gpt2", gpt2(true, true));
    models.put("gpt2-untied", gpt2(true, false));
    models.put("gpt2-no-bias", gpt2(false, true));
    models.put("llama", llama(Architecture.LLAMA, false));
    models.put("llama-tied", llama(Architecture.LLAMA, true));
    models.put(
        "llama-wide-heads", llama(Architecture.LLAMA, false).toBuilder().headWidth(12).build());
    models.put(
        "llama-biases",
        llama(Architecture.LLAMA, false).toBuilder()
            .attentionBias(AttentionBias.ALL)
            .feedForwardBias(true)
            .build());
    models.put(
        "llama-interleaved",
        llama(Architecture.LLAMA, false).toBuilder()
            .ropeLayout(RopeSpec.Layout.INTERLEAVED)
            .build());
    models.put(
        "llama-linear",
        llama(Architecture.LLAMA, false).toBuilder()
            .ropeScaling(new RopeScalingConfig(RopeScalingConfig.Type.LINEAR, 4, 0, 1, 4, 1, true))
            .build());
    models.put(
        "llama-llama3",
        llama(Architecture.LLAMA, false).toBuilder()
            .ropeTheta(10000)
            .ropeScaling(new RopeScalingConfig(RopeScalingConfig.Type.LLAMA3, 8, 32, 1, 4, 1, true))
            .build());
    models.put("mistral", llama(Architecture.MISTRAL, false));
    models.put("qwen2-tied", llama(Architecture.QWEN2, true));
    return models;
  }

  @Test
  void encodesAndCompletesAsWeDo() throws IOException, InterruptedException {
    Map<Path, List<Completion>> ours = new LinkedHashMap<>();
    Map<Path, List<int[]>> ids = new LinkedHashMap<>();
    try (Backend backend = SavedModels.backend()) {
      List<Tokenizer> tokenizers = List.of(TextTokenizers.characters(), TextTokenizers.bpe());
      int seed = 0;
      for (Map.Entry<String, ModelConfig> each : models().entrySet()) {
        Tokenizer tokenizer = tokenizers.get(seed % 2);
        Path directory = folder.resolve(each.getKey());
        SavedModels.write(backend, each.getValue(), tokenizer, ++seed, directory);
        Path file = folder.resolve(each.getKey() + ".gguf");
        new ModelExport(
                SavedModels.hadoop(directory),
                SavedModels.hadoop(file),
                "",
                SavedModels.HADOOP,
                backend,
                notice -> {})
            .toGguf(GgufEncoding.F32);
        ours.put(file, complete(backend, directory));
        ids.put(file, PROMPTS.stream().map(tokenizer::encodeWithSpecialTokens).toList());
      }
    }
    List<JsonNode> theirs = LlamaCpp.complete(folder, PROMPTS, TOKENS, List.copyOf(ours.keySet()));
    int generated = 0;
    int ties = 0;
    for (JsonNode line : theirs) {
      Path file = Path.of(line.path("file").asText());
      for (int i = 0; i < PROMPTS.size(); i++) {
        String what = file.getFileName() + ", \"" + PROMPTS.get(i) + "\"";
        assertThat(integers(line.path("ids").path(i))).as(what).isEqualTo(ids.get(file).get(i));
        Completion completion = ours.get(file).get(i);
        String text = line.path("texts").path(i).asText();
        if (!text.equals(completion.text())) {
          assertThat(gap(file, ids.get(file).get(i), completion, text))
              .as("%s: \"%s\" instead of \"%s\"", what, text, completion.text())
              .isLessThan(TIE);
          ties++;
        }
        generated += completion.tokens().size();
      }
    }
    assertThat(ties).isLessThan(theirs.size() * PROMPTS.size() / 20);
    // Texts that end at once would prove little.
    assertThat(generated).isGreaterThan(theirs.size() * PROMPTS.size() * TOKENS * 3 / 4);
  }

  /** Between the two largest logits where a text departs from ours. */
  private static double gap(Path file, int[] prompt, Completion ours, String theirs) {
    Path directory = Path.of(file.toString().replaceFirst("\\.gguf$", ""));
    try (Backend backend = SavedModels.backend();
        SavedModel saved =
            SavedModel.open(SavedModels.hadoop(directory), SavedModels.HADOOP, backend)) {
      int same = 0;
      int[] tokens = ours.tokens().stream().mapToInt(Integer::intValue).toArray();
      while (same < tokens.length
          && theirs.startsWith(saved.tokenizer().decode(Arrays.copyOf(tokens, same + 1)))) {
        same++;
      }
      int[] ids = Arrays.copyOf(prompt, prompt.length + same);
      System.arraycopy(tokens, 0, ids, prompt.length, same);
      float[] logits = TestModels.logits(saved.model(), ids, 1, ids.length);
      int rows = saved.model().config().vocabularySize();
      float[] last = Arrays.copyOfRange(logits, (ids.length - 1) * rows, ids.length * rows);
      Arrays.sort(last);
      return last[rows - 1] - last[rows - 2];
    }
  }

  private static List<Completion> complete(Backend backend, Path directory) {
    try (SavedModel saved =
            SavedModel.open(SavedModels.hadoop(directory), SavedModels.HADOOP, backend);
        ArrayPool pool = new ArrayPool(backend)) {
      return new Generator(saved.model(), saved.tokenizer(), saved.documents(), pool)
          .generate(
              PROMPTS,
              GenerationOptions.builder().maxTokens(TOKENS).temperature(0).build(),
              TokenListener.NONE);
    }
  }

  private static int[] integers(JsonNode list) {
    int[] integers = new int[list.size()];
    for (int i = 0; i < integers.length; i++) {
      integers[i] = list.get(i).intValue();
    }
    return integers;
  }
}

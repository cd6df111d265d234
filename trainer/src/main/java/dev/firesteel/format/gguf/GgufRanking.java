package dev.firesteel.format.gguf;

import dev.firesteel.array.Shape;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.Message;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.error.UserException;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.safetensors.TensorSource;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A reward model as a ranking model of llama.cpp: pooling of the kind {@code rank}, which is at the
 * last token, and a head {@code cls.output.weight} with labels. Of the architectures that train
 * here llama.cpp has that for {@code qwen3} alone, and gives the softmax of the labels. The second
 * label has a row of zeros, so that the first has {@code sigmoid(score)}: the probability that an
 * answer is better than one with the score 0. Source: {@code llm_graph_context::build_pooling} in
 * {@code src/llama-graph.cpp} and {@code src/models/qwen3.cpp} of ggml-org/llama.cpp.
 */
final class GgufRanking {
  /** The head, [2, C]. */
  static final String HEAD = "cls.output.weight";

  /** How a query and a document become one text. */
  static final String TEMPLATE = "tokenizer.chat_template.rerank";

  private static final int POOLING_RANK = 4;
  private static final List<String> LABELS = List.of("better", "worse");

  private GgufRanking() {}

  /**
   * Requires that llama.cpp rank with such a model.
   *
   * @throws UserException if it does not
   */
  static void requireExpressible(ModelConfig config) {
    if (config.architecture() != Architecture.QWEN3) {
      throw UserException.usage(
          "a reward model must be of the architecture qwen3 for gguf, since llama.cpp ranks with no other one that trains here, got %s: export it to hf"
              .formatted(config.architecture().name().toLowerCase(Locale.ROOT)));
    }
  }

  /** The keys of a reward model. The template puts a prompt before an answer as in training. */
  static Map<String, GgufValue> write(PublishedModel model) {
    Map<String, GgufValue> keys = new LinkedHashMap<>();
    String prefix = GgufMetadata.name(model.config().architecture()) + ".";
    keys.put(prefix + "pooling_type", GgufValue.number(POOLING_RANK));
    keys.put(prefix + "classifier.output_labels", GgufValue.texts(LABELS));
    int[] tokens =
        model
            .template()
            .map(
                template ->
                    new ChatTokens(template, model.tokenizer(), model.documents())
                        .training(
                            Conversation.of(Message.user("{query}"))
                                .with(Message.assistant("{document}")),
                            1)
                        .tokens())
            .orElseGet(
                () -> {
                  int[] text = model.tokenizer().encode("{query}{document}");
                  int[] ended = Arrays.copyOf(text, text.length + 1);
                  ended[text.length] = model.tokenizer().endOfText().orElseThrow();
                  return ended;
                });
    keys.put(TEMPLATE, GgufValue.text(model.tokenizer().decode(tokens)));
    return keys;
  }

  /** The head with its row of zeros. */
  static TensorSource head(TensorSource score) {
    return new Head(score);
  }

  private record Head(TensorSource score) implements TensorSource {
    @Override
    public String name() {
      return HEAD;
    }

    @Override
    public Shape shape() {
      return Shape.of(LABELS.size(), score.shape().last());
    }

    @Override
    public void read(long from, float[] into, int count) {
      int stored = (int) Math.max(0, Math.min(count, score.shape().size() - from));
      if (stored > 0) {
        score.read(from, into, stored);
      }
      Arrays.fill(into, stored, count, 0);
    }
  }
}

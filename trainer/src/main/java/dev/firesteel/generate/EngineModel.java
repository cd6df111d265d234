package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A model in an engine: its rows, the completions in them, and its passes. Used by the engine's
 * thread alone, but for {@link #tokenizer} and {@link #context}.
 */
final class EngineModel implements AutoCloseable {
  /**
   * Tokens of new prompts that one pass computes: while it runs, no other completion advances, so
   * it is short.
   */
  static final int PROMPT_TOKENS_PER_PASS = 1024;

  /** Positions whose logits are computed at once, to score a text. */
  private static final int SCORED_AT_ONCE = 64;

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final ArrayPool pool;
  private final int maxBatch;
  private final int context;
  private DecodingRows rows;
  private ContinuousBatch batch;
  private final Deque<EngineSequence> starting = new ArrayDeque<>();
  private final Set<EngineSequence> running = new LinkedHashSet<>();

  EngineModel(LanguageModel model, Tokenizer tokenizer, ArrayPool pool, int maxBatch, int context) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.pool = pool;
    this.maxBatch = maxBatch;
    this.context = context;
    allocate();
  }

  private void allocate() {
    rows = new DecodingRows(model, pool, maxBatch, context);
    batch = new ContinuousBatch(rows, maxBatch);
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  /** The most tokens of a prompt and its completion. */
  int context() {
    return context;
  }

  /** How many more completions it can begin. */
  int room() {
    return batch.free() - starting.size();
  }

  /** Takes completions; they begin at the next steps. */
  void take(Collection<EngineSequence> sequences) {
    starting.addAll(sequences);
    running.addAll(sequences);
  }

  /** Completions in its rows, or about to be. */
  int active() {
    return running.size();
  }

  /**
   * Begins some of the new completions, and gives the others one more token each. A failure of the
   * model fails all of them, and the next ones find empty rows.
   */
  void step() {
    starting.removeIf(CompletionSequence::ended);
    try {
      if (!starting.isEmpty() && batch.free() > 0) {
        batch.begin(starting, PROMPT_TOKENS_PER_PASS);
      }
      batch.advance();
    } catch (RuntimeException | Error failure) {
      rows.close();
      failAll(failure);
      allocate();
    }
    running.removeIf(CompletionSequence::ended);
  }

  /** Ends all completions with a failure. */
  void failAll(Throwable failure) {
    List<EngineSequence> failed = List.copyOf(running);
    running.clear();
    starting.clear();
    failed.forEach(sequence -> sequence.fail(failure));
  }

  /**
   * The mean of the last hidden states of texts, divided by its Euclidean length: {@code e = m /
   * |m|, m = 1/T sum_t h_t}; sums in double. Texts of one pass are padded on the right, which
   * causality hides.
   *
   * @param texts of which the first ones are embedded, as many as one pass takes
   * @return a vector of C numbers for each of them
   */
  List<float[]> embed(List<int[]> texts) {
    int count = 1;
    int longest = texts.get(0).length;
    while (count < texts.size()) {
      int longer = Math.max(longest, texts.get(count).length);
      if ((long) longer * (count + 1) > PROMPT_TOKENS_PER_PASS) {
        break;
      }
      longest = longer;
      count++;
    }
    return embed(texts.subList(0, count), longest);
  }

  private List<float[]> embed(List<int[]> texts, int longest) {
    int width = model.config().width();
    int[] ids = new int[texts.size() * longest];
    for (int i = 0; i < texts.size(); i++) {
      System.arraycopy(texts.get(i), 0, ids, i * longest, texts.get(i).length);
    }
    float[] hidden = new float[ids.length * width];
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor states = model.hidden(pass, tape.constant(ids, Shape.of(texts.size(), longest)));
      tape.backend().download(states.array(), hidden, 0);
    }
    List<float[]> vectors = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      double[] sum = new double[width];
      for (int t = 0; t < texts.get(i).length; t++) {
        int start = (i * longest + t) * width;
        for (int c = 0; c < width; c++) {
          sum[c] += hidden[start + c];
        }
      }
      vectors.add(normalized(sum));
    }
    return vectors;
  }

  /** A vector divided by its length; the mean's divisor cancels out. */
  private static float[] normalized(double... sum) {
    double squares = 0;
    for (double each : sum) {
      squares += each * each;
    }
    double length = Math.sqrt(squares);
    float[] vector = new float[sum.length];
    for (int c = 0; c < sum.length; c++) {
      vector[c] = length == 0 ? 0 : (float) (sum[c] / length);
    }
    return vector;
  }

  /**
   * How likely each token of a text but the first is, given those before it.
   *
   * @param top how many of the most likely tokens of each position to keep
   * @return one fewer than the text has tokens
   */
  List<TokenScores> score(int[] text, int top) {
    int vocabulary = tokenizer.vocabularySize();
    int stride = model.config().vocabularySize();
    List<TokenScores> scores = new ArrayList<>();
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor hidden =
          model
              .hidden(pass, tape.constant(text, Shape.of(1, text.length)))
              .reshape(text.length, model.config().width());
      for (int from = 0; from < text.length - 1; from += SCORED_AT_ONCE) {
        int count = Math.min(SCORED_AT_ONCE, text.length - 1 - from);
        int[] positions = IntStream.range(from, from + count).toArray();
        float[] logits = new float[count * stride];
        Tensor part = tape.constant(positions, Shape.of(count)).embedding(hidden);
        tape.backend().download(model.head(pass, part).array(), logits, 0);
        for (int i = 0; i < count; i++) {
          int token = text[from + i + 1];
          scores.add(
              TokenScores.at(logits, i * stride, vocabulary, top)
                  .of(token, logits[i * stride + token]));
        }
      }
    }
    return scores;
  }

  @Override
  public void close() {
    rows.close();
  }
}

package dev.firesteel.generate;

import dev.firesteel.random.RandomStream;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One prompt's completion as it grows: chooses its tokens as the options say, makes text of them,
 * and knows when it has ended.
 */
class CompletionSequence implements ContinuousBatch.Sequence {
  /** Log-probabilities are not wanted. */
  static final int NO_SCORES = -1;

  /**
   * What completions of one model have in common.
   *
   * @param ends the tokens that end a completion
   * @param context the most tokens of prompt and completion
   */
  record Setting(Tokenizer tokenizer, Set<Integer> ends, int context) {}

  private final Setting setting;
  private final int[] prompt;
  private final GenerationOptions options;
  private final LogitAdjustments adjustments;
  private final int topScores;
  private final TokenSampler sampler;
  private final RandomStream random;
  private final BitSet seen = new BitSet();
  private final Map<Integer, Integer> counts = new HashMap<>();
  private final List<Integer> tokens = new ArrayList<>();
  private final CompletionText text;
  private final int room;
  private FinishReason reason;

  /**
   * A completion without tokens.
   *
   * @param topScores how many of the most likely tokens {@link #onToken} gets; {@link #NO_SCORES}
   *     for no scores at all
   * @param sampler of the options; not used by another thread
   * @param random this completion's own
   */
  CompletionSequence(
      Setting setting,
      int[] prompt,
      GenerationOptions options,
      LogitAdjustments adjustments,
      int topScores,
      TokenSampler sampler,
      RandomStream random) {
    this.setting = setting;
    this.prompt = prompt;
    this.options = options;
    this.adjustments = adjustments;
    this.topScores = topScores;
    this.sampler = sampler;
    this.random = random;
    text = new CompletionText(setting.tokenizer(), prompt, options.stopStrings());
    room = room(setting, prompt.length, options);
    for (int id : prompt) {
      seen.set(id);
    }
  }

  /** The most tokens that a completion can have. */
  static int room(Setting setting, int promptLength, GenerationOptions options) {
    return Math.min(options.maxTokens(), setting.context() - promptLength);
  }

  /**
   * Called for each token.
   *
   * @param added the text that has become final
   * @param scores null if they are not wanted
   */
  void onToken(int token, String added, TokenScores scores) {}

  @Override
  public int[] prompt() {
    return prompt;
  }

  @Override
  public int room() {
    return room;
  }

  @Override
  public void accept(float[] logits, int start) {
    int vocabulary = setting.tokenizer().vocabularySize();
    if (topScores == NO_SCORES) {
      accept(choose(logits, start, vocabulary), false, null);
      return;
    }
    TokenScores.Position position = TokenScores.at(logits, start, vocabulary, topScores);
    if (options.repetitionPenalty() == 1 && !adjustments.any()) {
      int token = choose(logits, start, vocabulary);
      accept(token, false, position.of(token, logits[start + token]));
      return;
    }
    // Scores are the model's own: of the logits before the penalties, which change them in place.
    float[] own = new float[vocabulary];
    System.arraycopy(logits, start, own, 0, vocabulary);
    int token = choose(logits, start, vocabulary);
    accept(token, false, position.of(token, own[token]));
  }

  private int choose(float[] logits, int start, int vocabulary) {
    if (adjustments.any()) {
      adjustments.apply(logits, start, vocabulary, counts);
    }
    return sampler.sample(logits, start, vocabulary, seen, random);
  }

  /**
   * Adds a token.
   *
   * @param last whether no token follows, even if nothing here says so: a beam ends with a stop
   *     string that the text holds back
   */
  void accept(int token, boolean last, TokenScores scores) {
    tokens.add(token);
    seen.set(token);
    counts.merge(token, 1, Integer::sum);
    String added = "";
    if (setting.ends().contains(token)) {
      reason = FinishReason.STOP;
    } else {
      added = text.append(token);
      if (text.stopped()) {
        reason = FinishReason.STOP;
      } else if (tokens.size() == room) {
        reason = room == options.maxTokens() ? FinishReason.LENGTH : FinishReason.CONTEXT;
      }
    }
    if (reason != null || last) {
      added += text.end();
      if (text.stopped()) {
        reason = FinishReason.STOP;
      }
    }
    onToken(token, added, scores);
  }

  @Override
  public boolean ended() {
    return reason != null;
  }

  /** Why it has ended; null if it has not. */
  FinishReason reason() {
    return reason;
  }

  @Override
  public int lastToken() {
    return tokens.get(tokens.size() - 1);
  }

  /** What it has come to. */
  Completion completion() {
    return new Completion(text.text(), tokens, reason);
  }
}

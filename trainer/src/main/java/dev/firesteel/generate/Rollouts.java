package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * Samples completions of many prompts for reinforcement learning: ids in, ids out, the batch kept
 * full as long as there are prompts ({@link ContinuousBatch}).
 *
 * <p>The random numbers of a completion come from the stream (seed, "rollout", its global index),
 * so in {@code fp32} it depends on nothing but the weights, its prompt, the options and that index:
 * not on the batch, the order of prompts, the other rows, or how samples are divided among ranks.
 * (In {@code bf16} the number of rows may change a last bit of the logits, and a sample close to a
 * boundary may fall on its other side.) Log-probabilities are not kept: {@link
 * dev.firesteel.model.LogProbs} gives those of training's own forward pass.
 */
public final class Rollouts {
  private final LanguageModel model;
  private final ArrayPool pool;
  private final int vocabulary;
  private final RolloutOptions options;

  /**
   * Rollouts of a model with its weights as they are at each call.
   *
   * @param pool for activations and caches; of the model's backend
   * @param vocabulary the tokenizer's number of tokens; ids from there on (of a rounded-up
   *     vocabulary size) are never sampled
   * @throws UserException when the tokenizer has tokens that the model lacks, or an end token is
   *     not one of the tokenizer's
   */
  public Rollouts(LanguageModel model, ArrayPool pool, int vocabulary, RolloutOptions options) {
    int known = model.config().vocabularySize();
    if (vocabulary < 1 || vocabulary > known) {
      throw UserException.usage(
          "the tokenizer must have 1 to "
              + known
              + " tokens, as many as the model knows, got "
              + vocabulary
              + ": use the tokenizer that the model was trained with");
    }
    for (int end : options.ends()) {
      if (end < 0 || end >= vocabulary) {
        throw UserException.usage(
            "end tokens of rollouts must be ids of the tokenizer, 0 to "
                + (vocabulary - 1)
                + ", got "
                + end
                + ": name tokens that the tokenizer has");
      }
    }
    this.model = model;
    this.pool = pool;
    this.vocabulary = vocabulary;
    this.options = options;
  }

  /**
   * Samples one completion for each prompt; a prompt that is given n times has n completions.
   *
   * @param prompts ids, none empty
   * @param indices the global index of each sample, which names its random numbers: the same on
   *     whichever rank it is sampled, and another one in each step
   * @return in the order of the prompts
   * @throws UserException when a prompt leaves no room in the model's context
   */
  public List<Rollout> sample(List<int[]> prompts, long[] indices, RolloutListener listener) {
    if (prompts.size() != indices.length) {
      throw new IllegalArgumentException(
          "rollouts: there must be an index for each of "
              + prompts.size()
              + " prompts, got "
              + indices.length);
    }
    TokenSampler sampler = new TokenSampler(options.sampling());
    Progress progress = new Progress();
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      requireRoom(indices[i], prompts.get(i));
      sequences.add(new Sequence(prompts.get(i), indices[i], sampler, progress));
    }
    ContinuousBatch.run(
        model,
        pool,
        sequences,
        options.batch(),
        () -> listener.onProgress(progress.tokens, progress.finished));
    return sequences.stream().map(Sequence::rollout).toList();
  }

  private void requireRoom(long index, int... prompt) {
    int context = model.config().contextLength();
    if (prompt.length < 1 || prompt.length >= context) {
      throw UserException.usage(
          "the prompt of sample "
              + index
              + " must have 1 to "
              + (context - 1)
              + " tokens, since the model's context holds "
              + context
              + ", got "
              + prompt.length
              + ": drop such prompts when the data is prepared, or use a model with a longer"
              + " context");
    }
  }

  /** What all completions of a call have come to. */
  private static final class Progress {
    private long tokens;
    private int finished;
  }

  /** One completion as it grows. */
  private final class Sequence implements ContinuousBatch.Sequence {
    private static final BitSet NOT_PENALIZED = new BitSet();

    private final int[] prompt;
    private final TokenSampler sampler;
    private final RandomStream random;
    private final Progress progress;
    private final int room;
    private int[] tokens = new int[16];
    private int length;
    private boolean ended;

    Sequence(int[] prompt, long index, TokenSampler sampler, Progress progress) {
      this.prompt = prompt;
      this.sampler = sampler;
      this.progress = progress;
      random = RandomStream.of(options.seed(), "rollout", index);
      room = Math.min(options.maxTokens(), model.config().contextLength() - prompt.length);
    }

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
      if (length == tokens.length) {
        tokens = Arrays.copyOf(tokens, 2 * length);
      }
      int token = sampler.sample(logits, start, vocabulary, NOT_PENALIZED, random);
      tokens[length++] = token;
      ended = options.ends().contains(token);
      progress.tokens++;
      if (ended()) {
        progress.finished++;
      }
    }

    @Override
    public boolean ended() {
      return ended || length == room;
    }

    @Override
    public int lastToken() {
      return tokens[length - 1];
    }

    Rollout rollout() {
      return new Rollout(prompt, Arrays.copyOf(tokens, length), ended);
    }
  }
}

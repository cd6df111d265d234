package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalInt;

/**
 * Completes prompts with a model.
 *
 * <p>Prompts of one call are computed as a batch. The random numbers for a prompt come from the
 * stream (seed, "generate", index of the prompt) and its logits do not depend on the others, so
 * neither does its completion.
 */
public final class Generator {
  /** Names the random numbers of sampling. */
  static final String PURPOSE = "generate";

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final DocumentTokens documents;
  private final ArrayPool pool;
  private final CompletionSequence.Setting setting;

  /** A generator for documents separated by the tokenizer's end-of-text token. */
  public Generator(LanguageModel model, Tokenizer tokenizer, ArrayPool pool) {
    this(model, tokenizer, DocumentTokens.of(tokenizer), pool);
  }

  /**
   * @param documents which tokens end a completion, and what an empty prompt stands for
   * @param pool for activations and caches; of the model's backend
   * @throws UserException when the tokenizer has tokens that the model lacks
   */
  public Generator(
      LanguageModel model, Tokenizer tokenizer, DocumentTokens documents, ArrayPool pool) {
    requireVocabulary(model, tokenizer);
    this.model = model;
    this.tokenizer = tokenizer;
    this.documents = documents;
    this.pool = pool;
    setting =
        new CompletionSequence.Setting(tokenizer, documents.ends(), model.config().contextLength());
  }

  /** Fails if the tokenizer has tokens that the model lacks. */
  static void requireVocabulary(LanguageModel model, Tokenizer tokenizer) {
    if (tokenizer.vocabularySize() > model.config().vocabularySize()) {
      throw UserException.usage(
          "the tokenizer must have at most as many tokens as the model ("
              + model.config().vocabularySize()
              + "), got "
              + tokenizer.vocabularySize()
              + ": use the tokenizer that the model was trained with");
    }
  }

  /** Completes one prompt; an empty one stands for the start of a document. */
  public Completion generate(String prompt, GenerationOptions options) {
    return generate(List.of(prompt), options, TokenListener.NONE).get(0);
  }

  /**
   * Completes prompts; an empty one stands for the start of a document. Special tokens spelled out
   * in a prompt are encoded as such.
   *
   * @return one completion per prompt, in order
   * @throws UserException when a prompt leaves no room for a completion
   */
  public List<Completion> generate(
      List<String> prompts, GenerationOptions options, TokenListener listener) {
    List<int[]> ids = new ArrayList<>();
    for (String prompt : prompts) {
      ids.add(promptTokens(tokenizer, documents, prompt));
    }
    return generateFromIds(ids, options, listener);
  }

  /** Like {@link #generate(List, GenerationOptions, TokenListener)}, for prompts as token ids. */
  public List<Completion> generateFromIds(
      List<int[]> prompts, GenerationOptions options, TokenListener listener) {
    for (int i = 0; i < prompts.size(); i++) {
      requireRoom(i, prompts.get(i).length);
    }
    if (prompts.isEmpty()) {
      return List.of();
    }
    if (options.beams() == 1) {
      return sample(prompts, options, listener);
    }
    List<Completion> completions = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      completions.add(searchBeams(i, prompts.get(i), options, listener));
    }
    return completions;
  }

  /**
   * The most likely next tokens after a prompt and, greedily, after each of the tokens that follow:
   * {@code softmax(logits)} over the tokenizer's vocabulary, in double precision.
   *
   * @param prompt an empty one stands for the start of a document
   * @param steps the most positions to look at; fewer if the document ends or the context is full
   * @param top how many tokens of each
   * @return for each position its tokens, most likely first; the first of them comes next
   * @throws UserException when the prompt leaves no room for a token
   */
  public List<NextTokens> nextTokens(String prompt, int steps, int top) {
    int[] ids = promptTokens(tokenizer, documents, prompt);
    requireRoom(0, ids.length);
    int room = Math.min(steps, model.config().contextLength() - ids.length);
    int vocabulary = tokenizer.vocabularySize();
    List<NextTokens> positions = new ArrayList<>();
    try (CachedScores scores =
        new CachedScores(model, pool, List.of(ids), ids.length + room, vocabulary)) {
      float[] logits = scores.first()[0];
      while (true) {
        NextTokens next = NextTokens.of(logits, Math.min(top, vocabulary));
        positions.add(next);
        if (positions.size() >= room || endsDocument(next.first())) {
          return positions;
        }
        logits = scores.next(new int[] {0}, new int[] {next.first()})[0];
      }
    }
  }

  /**
   * The ids of a prompt: special tokens spelled out in it are encoded as such.
   *
   * @param prompt an empty one stands for the start of a document
   * @throws UserException when it is empty and nothing can start a document
   */
  public static int[] promptTokens(Tokenizer tokenizer, DocumentTokens documents, String prompt) {
    if (!prompt.isEmpty()) {
      return tokenizer.encodeWithSpecialTokens(prompt);
    }
    OptionalInt start = documents.start();
    if (start.isEmpty()) {
      start = tokenizer.id("\n");
    }
    return new int[] {
      start.orElseThrow(
          () ->
              UserException.usage(
                  "the tokenizer has neither an end-of-text token nor a line end to start a"
                      + " document with, so a prompt must not be empty: give one"))
    };
  }

  private void requireRoom(int index, int length) {
    int context = model.config().contextLength();
    if (length < 1 || length >= context) {
      throw UserException.usage(
          "prompt "
              + (index + 1)
              + " must have 1 to "
              + (context - 1)
              + " tokens, since the model's context holds "
              + context
              + ", got "
              + length
              + (length < 1
                  ? ": give it text"
                  : ": shorten it, or use a model with a longer context"));
    }
  }

  private boolean endsDocument(int token) {
    return documents.ends().contains(token);
  }

  private List<Completion> sample(
      List<int[]> prompts, GenerationOptions options, TokenListener listener) {
    TokenSampler sampler = new TokenSampler(options);
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      sequences.add(new Sequence(i, prompts.get(i), options, sampler, listener));
    }
    ContinuousBatch.run(model, pool, sequences, sequences.size(), () -> {});
    return sequences.stream().map(Sequence::completion).toList();
  }

  private Completion searchBeams(
      int index, int[] prompt, GenerationOptions options, TokenListener listener) {
    int room = CompletionSequence.room(setting, prompt.length, options);
    BitSet promptTokens = new BitSet();
    for (int id : prompt) {
      promptTokens.set(id);
    }
    BeamSearch search =
        new BeamSearch(
            options,
            room,
            this::endsDocument,
            tokens -> holdsStopString(prompt, tokens, options.stopStrings()),
            promptTokens);
    try (CachedScores scores =
        new CachedScores(
            model, pool, List.of(prompt), prompt.length + room, tokenizer.vocabularySize())) {
      BeamSearch.Finished best = search.search(scores);
      Sequence sequence = new Sequence(index, prompt, options, new TokenSampler(options), listener);
      int last = best.tokens().size() - 1;
      for (int i = 0; i <= last; i++) {
        sequence.accept(best.tokens().get(i), i == last, null);
      }
      return sequence.completion();
    }
  }

  private boolean holdsStopString(int[] prompt, List<Integer> tokens, List<String> stopStrings) {
    if (stopStrings.isEmpty()) {
      return false;
    }
    CompletionText text = new CompletionText(tokenizer, prompt, stopStrings);
    for (int i = 0; i < tokens.size() && !text.stopped(); i++) {
      text.append(tokens.get(i));
    }
    text.end();
    return text.stopped();
  }

  /** One prompt's completion, reported to the listener. */
  private final class Sequence extends CompletionSequence {
    private final int index;
    private final TokenListener listener;

    Sequence(
        int index,
        int[] prompt,
        GenerationOptions options,
        TokenSampler sampler,
        TokenListener listener) {
      super(
          setting,
          prompt,
          options,
          LogitAdjustments.NONE,
          NO_SCORES,
          sampler,
          RandomStream.of(options.seed(), PURPOSE, index));
      this.index = index;
      this.listener = listener;
    }

    @Override
    void onToken(int token, String added, TokenScores scores) {
      listener.onToken(index, token, added);
    }
  }
}

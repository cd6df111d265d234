package dev.firesteel.tokenizer;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a byte-level BPE: starting from the 256 bytes, the most frequent pair of adjacent tokens
 * within words repeatedly becomes a new token, until the vocabulary is full.
 *
 * <p>Ids: 0 to 255 are the bytes in the order of GPT-2's byte alphabet ({@code !} is 0), followed
 * by one token per merge in the order of training; special tokens come last, as in GPT-2.
 *
 * <p>The result depends only on the word counts and the settings: ties go to the pair with the
 * lower left id, then to the one with the lower right id, as in Hugging Face's trainer. Neither the
 * number of threads nor the order of documents matters. A pair that spells a special token is never
 * merged.
 *
 * <p>Source: Sennrich et al., Neural Machine Translation of Rare Words with Subword Units (2016),
 * algorithm 1, over bytes.
 */
public final class BpeTrainer {
  private static final Logger LOG = LoggerFactory.getLogger(BpeTrainer.class);

  /** Characters that a counting thread takes from the documents at a time. */
  private static final int BATCH_CHARACTERS = 1 << 18;

  private final int vocabularySize;
  private final SplitPattern pattern;
  private final List<String> specialTokens;
  private final long minimumCount;
  private final int threads;
  private final Progress progress;

  /** Notified of progress, from time to time and from any of the training's threads. */
  public interface Progress {
    /** Called while words are counted. */
    default void counted(long documents, long characters) {}

    /** Called while merges are learned. */
    default void merged(int merges, int of) {}
  }

  private BpeTrainer(Builder builder) {
    this.vocabularySize = builder.vocabularySize;
    this.pattern = builder.pattern;
    this.specialTokens = builder.specialTokens;
    this.minimumCount = builder.minimumCount;
    this.threads = builder.threads;
    this.progress = builder.progress;
    int smallest = 256 + specialTokens.size();
    if (vocabularySize < smallest) {
      throw UserException.usage(
          "A byte-level BPE vocabulary must have at least %d tokens (256 bytes and %d special), got %d; ask for more"
              .formatted(smallest, specialTokens.size(), vocabularySize));
    }
    Set<String> seen = new HashSet<>();
    for (String token : specialTokens) {
      if (token.isEmpty() || !seen.add(token)) {
        throw UserException.usage(
            "Special tokens must be distinct and not empty, got " + specialTokens);
      }
      if (token.length() == 1 && ByteAlphabet.toByte(token.charAt(0)) >= 0) {
        throw UserException.usage(
            "The special token '%s' is one of the 256 byte tokens; choose a longer one"
                .formatted(token));
      }
    }
  }

  /** A builder for {@code vocabularySize} tokens, including bytes and special tokens. */
  public static Builder builder(int vocabularySize) {
    return new Builder(vocabularySize);
  }

  /** Settings; each has a default. */
  public static final class Builder {
    private final int vocabularySize;
    private SplitPattern pattern = SplitPattern.GPT2;
    private List<String> specialTokens = List.of(Tokenizer.END_OF_TEXT);
    private long minimumCount = 2;
    private int threads = Runtime.getRuntime().availableProcessors();
    private Progress progress = new Progress() {};

    private Builder(int vocabularySize) {
      this.vocabularySize = vocabularySize;
    }

    /** How text is split into words; default: as GPT-2 does. */
    public Builder pattern(SplitPattern split) {
      pattern = split;
      return this;
    }

    /**
     * The special tokens in the order of their ids, {@link Tokenizer#END_OF_TEXT} among them;
     * default: that one alone.
     */
    public Builder specialTokens(List<String> tokens) {
      if (!tokens.contains(Tokenizer.END_OF_TEXT)) {
        throw UserException.usage(
            "Special tokens must include %s, got %s".formatted(Tokenizer.END_OF_TEXT, tokens));
      }
      specialTokens = List.copyOf(tokens);
      return this;
    }

    /** A pair that occurs less often is not merged; default 2. */
    public Builder minimumCount(long count) {
      if (count < 1) {
        throw UserException.usage("The minimum count of a pair must be at least 1, got " + count);
      }
      minimumCount = count;
      return this;
    }

    /** Threads that count words; default: the processors of the machine. */
    public Builder threads(int count) {
      if (count < 1) {
        throw UserException.usage("A trainer needs at least 1 thread, got " + count);
      }
      threads = count;
      return this;
    }

    /** The progress listener; default: none. */
    public Builder progress(Progress listener) {
      progress = listener;
      return this;
    }

    /** Validates the settings together. */
    public BpeTrainer build() {
      return new BpeTrainer(this);
    }
  }

  /**
   * Trains on documents, which are read once.
   *
   * <p>If the text is too small for the vocabulary, a warning is logged and the tokenizer is
   * smaller ({@link Tokenizer#vocabularySize}).
   *
   * @throws UserException if there is no text at all
   */
  public BpeTokenizer train(Iterator<String> documents) {
    return train(count(documents));
  }

  /**
   * Trains on words that were counted elsewhere, with the same pattern; otherwise like {@link
   * #train(Iterator)}.
   */
  public BpeTokenizer train(WordCounts words) {
    if (words.pattern() != pattern) {
      throw new IllegalArgumentException(
          "words: must be counted with the trainer's pattern %s, got %s"
              .formatted(pattern, words.pattern()));
    }
    if (words.distinctWords() == 0) {
      throw UserException.usage(
          "Cannot train a tokenizer on no text: give at least one document that is not empty");
    }
    int wanted = vocabularySize - 256 - specialTokens.size();
    BpeMergeLearner learner = new BpeMergeLearner(words, Set.copyOf(specialTokens));
    learner.learn(wanted, minimumCount, progress);
    List<String> tokens = new ArrayList<>(learner.tokens());
    if (tokens.size() < 256 + wanted) {
      LOG.warn(
          "The text is too small for a vocabulary of {}: no pair of tokens is left that occurs at"
              + " least {} times, so the tokenizer has {} tokens; give more text or ask for at most"
              + " that many",
          vocabularySize,
          minimumCount,
          tokens.size() + specialTokens.size());
    }
    List<AddedToken> added = new ArrayList<>();
    for (String special : specialTokens) {
      added.add(AddedToken.special(tokens.size(), special));
      tokens.add(special);
    }
    return new BpeTokenizer(
        tokens.toArray(String[]::new), added, pattern, learner.left(), learner.right(), false);
  }

  /** Counts the words of {@code documents} with all threads. */
  WordCounts count(Iterator<String> documents) {
    if (threads == 1) {
      return new Counting(documents).call();
    }
    Counting counting = new Counting(documents);
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Future<WordCounts>> parts = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        parts.add(pool.submit(counting));
      }
      WordCounts all = parts.get(0).get();
      for (Future<WordCounts> part : parts.subList(1, threads)) {
        all.merge(part.get());
      }
      return all;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException("counting words failed", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw UserException.failure("Counting words was interrupted", e);
    } finally {
      pool.shutdownNow();
    }
  }

  /** The task of each counting thread: takes batches of documents until there are no more. */
  private final class Counting implements Callable<WordCounts> {
    private final Iterator<String> documents;
    private long documentsTaken;
    private long charactersTaken;

    Counting(Iterator<String> documents) {
      this.documents = documents;
    }

    @Override
    public WordCounts call() {
      WordCounts counts = new WordCounts(pattern);
      for (List<String> batch = take(); !batch.isEmpty(); batch = take()) {
        batch.forEach(counts::addDocument);
      }
      return counts;
    }

    private synchronized List<String> take() {
      List<String> batch = new ArrayList<>();
      int characters = 0;
      while (characters < BATCH_CHARACTERS
          && !Thread.currentThread().isInterrupted()
          && documents.hasNext()) {
        String document = documents.next();
        batch.add(document);
        characters += document.length();
      }
      if (!batch.isEmpty()) {
        documentsTaken += batch.size();
        charactersTaken += characters;
        progress.counted(documentsTaken, charactersTaken);
      }
      return batch;
    }
  }
}

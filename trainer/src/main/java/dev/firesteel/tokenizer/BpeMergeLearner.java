package dev.firesteel.tokenizer;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * The loop of BPE training. All distinct words are concatenated in one array of symbols, and each
 * pair of adjacent symbols knows where it occurs, so that a merge touches only its occurrences:
 * training does not slow down as the vocabulary grows, and a very long word costs no more than many
 * short ones.
 */
final class BpeMergeLearner {
  private static final int BORDER = -1;
  private static final int SWALLOWED = -2;
  private static final int PROGRESS_EVERY = 256;

  private final Set<String> forbidden;
  private final List<String> tokens = new ArrayList<>();
  private final Map<String, Integer> idOfToken = new HashMap<>();
  private final IntList left = new IntList(1024);
  private final IntList right = new IntList(1024);
  private final Set<Long> learnt = new HashSet<>();

  // A BORDER stands before and after each word; a merged symbol is stored where its left half was.
  private final int[] symbols;
  private final int[] next;
  private final int[] previous;
  private final int[] wordAt;
  private final long[] countOfWord;

  private final Map<Long, Pair> pairs = new HashMap<>();
  private final PriorityQueue<Candidate> candidates = new PriorityQueue<>();
  private final List<Pair> grown = new ArrayList<>();

  /** Two symbols and how often they are adjacent; overlaps count ({@code aaa} has two). */
  private static final class Pair {
    final int left;
    final int right;
    final IntList positions = new IntList(2);
    long count;
    boolean inGrown;

    Pair(int left, int right) {
      this.left = left;
      this.right = right;
    }
  }

  /** A pair with its count at some time; highest count first, then lowest ids. */
  private record Candidate(long count, int left, int right) implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      if (count != other.count) {
        return Long.compare(other.count, count);
      }
      return left != other.left
          ? Integer.compare(left, other.left)
          : Integer.compare(right, other.right);
    }
  }

  /**
   * @param forbidden tokens that no merge may produce
   */
  BpeMergeLearner(WordCounts words, Set<String> forbidden) {
    this.forbidden = forbidden;
    int[] idOfByte = addByteTokens();
    List<byte[]> texts = new ArrayList<>(words.distinctWords());
    List<Long> counts = new ArrayList<>(words.distinctWords());
    words.forEach(
        (word, count) -> {
          texts.add(Utf8.encode(word, 0, word.length()));
          counts.add(count);
        });
    long length = 1;
    for (byte[] text : texts) {
      length += text.length + 1;
    }
    if (length > Integer.MAX_VALUE - 8) {
      throw UserException.failure(
          "The %d distinct words of the training text add up to more than 2^31 bytes; train the tokenizer on a sample of the text"
              .formatted(texts.size()));
    }
    symbols = new int[(int) length];
    next = new int[(int) length];
    previous = new int[(int) length];
    wordAt = new int[(int) length];
    countOfWord = counts.stream().mapToLong(Long::longValue).toArray();
    int at = 0;
    symbols[at++] = BORDER;
    for (int word = 0; word < countOfWord.length; word++) {
      for (byte b : texts.get(word)) {
        wordAt[at] = word;
        symbols[at++] = idOfByte[b & 0xFF];
      }
      symbols[at++] = BORDER;
    }
    for (int i = 0; i < at; i++) {
      previous[i] = i - 1;
      next[i] = i + 1;
    }
    for (int i = 1; i + 1 < at; i++) {
      if (symbols[i] != BORDER && symbols[i + 1] != BORDER) {
        occur(symbols[i], symbols[i + 1], i);
      }
    }
    offerGrown();
  }

  private int[] addByteTokens() {
    int[] idOfByte = new int[256];
    // Ascending by character, as in GPT-2's vocab.json.
    for (char c = 0; tokens.size() < 256; c++) {
      int b = ByteAlphabet.toByte(c);
      if (b >= 0) {
        idOfByte[b] = tokens.size();
        idOfToken.put(String.valueOf(c), tokens.size());
        tokens.add(String.valueOf(c));
      }
    }
    return idOfByte;
  }

  /** The 256 bytes and one token per merge, in the order of training. */
  List<String> tokens() {
    return tokens;
  }

  int[] left() {
    return left.toArray();
  }

  int[] right() {
    return right.toArray();
  }

  /** Adds {@code wanted} tokens, or as many as there are sufficiently frequent pairs. */
  void learn(int wanted, long minimumCount, BpeTrainer.Progress progress) {
    int full = tokens.size() + wanted;
    while (tokens.size() < full) {
      Pair best = takeMostFrequent(minimumCount);
      if (best == null) {
        break;
      }
      merge(best);
      if (left.size() % PROGRESS_EVERY == 0) {
        progress.merged(left.size(), wanted);
      }
    }
    progress.merged(left.size(), wanted);
  }

  private Pair takeMostFrequent(long minimumCount) {
    while (!candidates.isEmpty()) {
      Candidate top = candidates.poll();
      Pair pair = pairs.get(key(top.left, top.right));
      if (pair == null || pair.count > top.count) {
        continue; // gone, or superseded by a newer candidate
      }
      if (pair.count < top.count) {
        offer(pair);
      } else if (pair.count < minimumCount) {
        return null;
      } else if (!forbidden.contains(tokens.get(pair.left) + tokens.get(pair.right))) {
        return pair;
      }
    }
    return null;
  }

  private void merge(Pair pair) {
    int merged = idOfResult(pair);
    // A pair can reappear after its merge if another pair produces the same token as one of its
    // halves.
    if (learnt.add(key(pair.left, pair.right))) {
      left.add(pair.left);
      right.add(pair.right);
    }
    pairs.remove(key(pair.left, pair.right));
    // Occurrences may overlap (aaa): the left one wins, as in encoding.
    pair.positions.sort();
    for (int p = 0; p < pair.positions.size(); p++) {
      int i = pair.positions.get(p);
      int j = next[i];
      if (symbols[i] != pair.left || symbols[j] != pair.right) {
        continue; // consumed by an earlier merge
      }
      int before = previous[i];
      int after = next[j];
      disappear(symbols[before], pair.left, i);
      disappear(pair.right, symbols[after], i);
      symbols[i] = merged;
      symbols[j] = SWALLOWED;
      next[i] = after;
      previous[after] = i;
      if (symbols[before] != BORDER) {
        occur(symbols[before], merged, before);
      }
      if (symbols[after] != BORDER) {
        occur(merged, symbols[after], i);
      }
    }
    offerGrown();
  }

  /** Usually a new token; rarely two pairs produce the same one ({@code a bc} and {@code ab c}). */
  private int idOfResult(Pair pair) {
    String token = tokens.get(pair.left) + tokens.get(pair.right);
    Integer known = idOfToken.putIfAbsent(token, tokens.size());
    if (known != null) {
      return known;
    }
    tokens.add(token);
    return tokens.size() - 1;
  }

  private void occur(int l, int r, int position) {
    Pair pair = pairs.computeIfAbsent(key(l, r), unused -> new Pair(l, r));
    pair.positions.add(position);
    pair.count += countOfWord[wordAt[position]];
    if (!pair.inGrown) {
      pair.inGrown = true;
      grown.add(pair);
    }
  }

  private void disappear(int l, int r, int positionInWord) {
    Pair pair = l == BORDER || r == BORDER ? null : pairs.get(key(l, r));
    if (pair != null) { // null also for the pair that is being merged
      pair.count -= countOfWord[wordAt[positionInWord]];
      if (pair.count == 0) {
        pairs.remove(key(l, r));
      }
    }
  }

  private void offerGrown() {
    for (Pair pair : grown) {
      pair.inGrown = false;
      offer(pair);
    }
    grown.clear();
  }

  private void offer(Pair pair) {
    candidates.add(new Candidate(pair.count, pair.left, pair.right));
  }

  private static long key(int left, int right) {
    return ((long) left << 32) | right;
  }
}

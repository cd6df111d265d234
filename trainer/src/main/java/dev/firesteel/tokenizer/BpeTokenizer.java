package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Byte-level BPE as in GPT-2: text is split into words ({@link Gpt2Split}), and each word's UTF-8
 * bytes are merged pair by pair in the order in which the merges were learned. Every text can be
 * encoded, and {@code decode(encode(text))} equals {@code text}.
 *
 * <p>Ids equal those of Hugging Face's {@code tokenizers} for the same file. Source: Radford et
 * al., Language Models are Unsupervised Multitask Learners (2019), section 2.2.
 */
public final class BpeTokenizer implements Tokenizer {
  private static final int CACHE_SLOTS = 1 << 14;

  /** Longer words rarely recur. */
  private static final int CACHED_WORD_LENGTH = 64;

  private final Vocabulary vocabulary;
  private final AddedTokens addedTokens;
  private final int[] left;
  private final int[] right;
  private final Merges merges;
  private final boolean ignoreMerges;
  private final int[] idOfByte;

  /**
   * Cache of recent words, one per entry, newest wins: bounded and lock-free. Threads may race for
   * an entry: a reader then sees one word or the other, never a mixture, because its fields are
   * final.
   */
  private final CachedWord[] cache = new CachedWord[CACHE_SLOTS];

  private static final class CachedWord {
    final String word;
    final int[] ids;

    CachedWord(String word, int[] ids) {
      this.word = word;
      this.ids = ids;
    }
  }

  /**
   * @param tokens indexed by id; contains the 256 byte tokens and the results of all merges
   * @param left token ids of the left halves, indexed by rank
   * @param right token ids of the right halves
   * @param ignoreMerges a whole word that is a token becomes that token, regardless of the merges
   */
  BpeTokenizer(
      String[] tokens,
      List<AddedToken> addedTokens,
      int[] left,
      int[] right,
      boolean ignoreMerges) {
    this.addedTokens = new AddedTokens(addedTokens);
    this.left = left;
    this.right = right;
    this.ignoreMerges = ignoreMerges;
    byte[][] bytes = new byte[tokens.length][];
    for (int id = 0; id < tokens.length; id++) {
      byte[] ofAlphabet = ByteAlphabet.toBytes(tokens[id]);
      bytes[id] = ofAlphabet != null ? ofAlphabet : tokens[id].getBytes(StandardCharsets.UTF_8);
    }
    for (AddedToken added : addedTokens) {
      bytes[added.id()] = added.content().getBytes(StandardCharsets.UTF_8);
    }
    this.vocabulary = new Vocabulary(tokens, bytes, addedTokens);
    this.idOfByte = new int[256];
    for (int b = 0; b < 256; b++) {
      idOfByte[b] = vocabulary.id(String.valueOf(ByteAlphabet.toChar(b))).orElseThrow();
    }
    int[] merged = new int[left.length];
    for (int rank = 0; rank < merged.length; rank++) {
      merged[rank] = vocabulary.id(tokens[left[rank]] + tokens[right[rank]]).orElseThrow();
    }
    this.merges = new Merges(left, right, merged);
  }

  /**
   * The tokenizer without merges: id = byte value, and {@link #END_OF_TEXT} is 256. The baseline
   * that needs no training.
   */
  public static BpeTokenizer bytes() {
    String[] tokens = new String[257];
    for (int b = 0; b < 256; b++) {
      tokens[b] = String.valueOf(ByteAlphabet.toChar(b));
    }
    tokens[256] = END_OF_TEXT;
    List<AddedToken> special = List.of(AddedToken.special(256, END_OF_TEXT));
    return new BpeTokenizer(tokens, special, new int[0], new int[0], false);
  }

  private BpeTokenizer(BpeTokenizer same, Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.addedTokens = same.addedTokens;
    this.left = same.left;
    this.right = same.right;
    this.merges = same.merges;
    this.ignoreMerges = same.ignoreMerges;
    this.idOfByte = same.idOfByte;
  }

  @Override
  public BpeTokenizer endingWith(int id) {
    return new BpeTokenizer(this, vocabulary.endingWith(id));
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  /** Number of merges, in the order of their ranks. */
  public int mergeCount() {
    return left.length;
  }

  /**
   * A merge in the notation of other formats' {@code merges} (GGUF, {@code merges.txt}): the two
   * tokens with a space between.
   */
  public String merge(int rank) {
    return vocabulary.token(left[rank]) + " " + vocabulary.token(right[rank]);
  }

  @Override
  public int[] encode(String text) {
    return encode(text, false);
  }

  @Override
  public int[] encodeWithSpecialTokens(String text) {
    return encode(text, true);
  }

  private int[] encode(String text, boolean withSpecial) {
    IntList ids = new IntList(text.length() / 3 + 16);
    addedTokens.cut(
        text,
        withSpecial,
        new AddedTokens.Parts() {
          @Override
          public void text(int start, int end) {
            for (int i = start; i < end; ) {
              int wordEnd = Gpt2Split.wordEnd(text, i, end);
              addWord(text, i, wordEnd, ids);
              i = wordEnd;
            }
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
    return ids.toArray();
  }

  private void addWord(String text, int start, int end, IntList ids) {
    int length = end - start;
    if (length > CACHED_WORD_LENGTH) {
      int[] word = encodeWord(text, start, end);
      ids.addAll(word, word.length);
      return;
    }
    int hash = 0;
    for (int i = start; i < end; i++) {
      hash = 31 * hash + text.charAt(i);
    }
    int slot = (hash ^ (hash >>> 14)) & (CACHE_SLOTS - 1);
    CachedWord cached = cache[slot];
    if (cached == null || cached.word.length() != length || !text.startsWith(cached.word, start)) {
      cached = new CachedWord(text.substring(start, end), encodeWord(text, start, end));
      cache[slot] = cached;
    }
    ids.addAll(cached.ids, cached.ids.length);
  }

  private int[] encodeWord(String text, int start, int end) {
    byte[] bytes = Utf8.encode(text, start, end);
    if (ignoreMerges) {
      StringBuilder token = new StringBuilder(bytes.length);
      for (byte b : bytes) {
        token.append(ByteAlphabet.toChar(b & 0xFF));
      }
      OptionalInt whole = vocabulary.id(token.toString());
      if (whole.isPresent() && !vocabulary.isSpecial(whole.getAsInt())) {
        return new int[] {whole.getAsInt()};
      }
    }
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = idOfByte[bytes[i] & 0xFF];
    }
    return Arrays.copyOf(ids, merges.apply(ids, ids.length));
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    return vocabulary.decodeBytes(ids);
  }

  @Override
  public OptionalInt id(String token) {
    return vocabulary.id(token);
  }

  @Override
  public String token(int id) {
    return vocabulary.token(id);
  }

  @Override
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  @Override
  public OptionalInt endOfText() {
    return vocabulary.endOfText();
  }

  @Override
  public String toJson() {
    return TokenizerJson.write(
        addedTokens.tokens(),
        BpeTokenizer::writeByteLevel,
        BpeTokenizer::writeByteLevel,
        BpeTokenizer::writeByteLevel,
        this::writeModel);
  }

  private static void writeByteLevel(JsonGenerator json) throws IOException {
    json.writeStringField("type", "ByteLevel");
    json.writeBooleanField("add_prefix_space", false);
    json.writeBooleanField("trim_offsets", true);
    json.writeBooleanField("use_regex", true);
  }

  private void writeModel(JsonGenerator json) throws IOException {
    json.writeStringField("type", "BPE");
    json.writeNullField("dropout");
    json.writeNullField("unk_token");
    json.writeStringField("continuing_subword_prefix", "");
    json.writeStringField("end_of_word_suffix", "");
    json.writeBooleanField("fuse_unk", false);
    json.writeBooleanField("byte_fallback", false);
    json.writeBooleanField("ignore_merges", ignoreMerges);
    TokenizerJson.writeVocabulary(json, vocabulary.tokens());
    // Pairs as "a b", which readers older than the [a, b] form accept, too: no token has a space.
    json.writeArrayFieldStart("merges");
    for (int rank = 0; rank < left.length; rank++) {
      json.writeString(merge(rank));
    }
    json.writeEndArray();
  }

  /** Reads a file whose model is BPE. */
  static BpeTokenizer read(TokenizerJson json) {
    JsonNode root = json.root();
    json.requireAbsent(root, "truncation");
    json.requireAbsent(root, "padding");
    json.requireAbsent(root, "normalizer", Map.of("type", "Sequence", "normalizers", List.of()));
    requireGpt2Split(json, root.path("pre_tokenizer"));
    JsonNode postProcessor = root.path("post_processor");
    if (!isByteLevel(postProcessor)) {
      json.requireAbsent(root, "post_processor");
    }
    if (!isByteLevel(root.path("decoder"))) {
      throw json.unsupported(
          "decoder %s is not supported: a byte-level BPE needs ByteLevel"
              .formatted(TokenizerJson.describe(root.path("decoder"))));
    }
    JsonNode model = json.model();
    json.requireAbsent(model, "dropout", 0.0, 0);
    json.requireAbsent(model, "continuing_subword_prefix", "");
    json.requireAbsent(model, "end_of_word_suffix", "");

    List<AddedToken> addedTokens = json.addedTokens();
    String[] tokens = json.vocabulary(addedTokens);
    Map<String, Integer> ids = new HashMap<>(tokens.length * 2);
    for (int id = 0; id < tokens.length; id++) {
      ids.put(tokens[id], id);
    }
    requireAllBytes(json, ids);
    JsonNode merges = model.path("merges");
    if (!merges.isArray()) {
      throw json.damaged("model.merges must be a list, got " + TokenizerJson.describe(merges));
    }
    int[] left = new int[merges.size()];
    int[] right = new int[merges.size()];
    Set<Long> seen = new HashSet<>();
    for (int rank = 0; rank < left.length; rank++) {
      List<String> pair = pair(json, merges.get(rank), rank);
      left[rank] = known(json, ids, pair.get(0), pair, rank);
      right[rank] = known(json, ids, pair.get(1), pair, rank);
      known(json, ids, pair.get(0) + pair.get(1), pair, rank);
      if (!seen.add(((long) left[rank] << 32) | right[rank])) {
        throw json.damaged(
            "merge %d ('%s' with '%s') occurs twice".formatted(rank, pair.get(0), pair.get(1)));
      }
    }
    boolean ignoreMerges = model.path("ignore_merges").asBoolean();
    return new BpeTokenizer(tokens, addedTokens, left, right, ignoreMerges);
  }

  /** Accepts ByteLevel with its own split, and the equivalent two-step form. */
  private static void requireGpt2Split(TokenizerJson json, JsonNode preTokenizer) {
    JsonNode steps = preTokenizer.path("pretokenizers");
    boolean sequence = preTokenizer.path("type").asText().equals("Sequence");
    JsonNode last = sequence && steps.size() > 0 ? steps.get(steps.size() - 1) : preTokenizer;
    if (!isByteLevel(last)) {
      throw json.unsupported(
          "pre_tokenizer %s is not supported: only byte-level BPE (ByteLevel) is"
              .formatted(TokenizerJson.describe(last)));
    }
    if (last.path("add_prefix_space").asBoolean()) {
      throw json.unsupported(
          "pre_tokenizer ByteLevel with add_prefix_space is not supported: decoded text would begin"
              + " with a space that the text did not have");
    }
    boolean ownSplit = last.path("use_regex").asBoolean(true);
    if (ownSplit && (!sequence || steps.size() == 1)) {
      return;
    }
    JsonNode split = sequence && steps.size() == 2 && !ownSplit ? steps.get(0) : null;
    if (split == null
        || !split.path("type").asText().equals("Split")
        || !split.path("behavior").asText().equals("Isolated")
        || split.path("invert").asBoolean()
        || !split.path("pattern").path("Regex").asText().equals(Gpt2Split.PATTERN)) {
      throw json.unsupported(
          "only GPT-2's split into words is supported, got pre_tokenizer " + preTokenizer);
    }
  }

  private static boolean isByteLevel(JsonNode component) {
    return component.path("type").asText().equals("ByteLevel");
  }

  private static void requireAllBytes(TokenizerJson json, Map<String, Integer> ids) {
    for (int b = 0; b < 256; b++) {
      if (!ids.containsKey(String.valueOf(ByteAlphabet.toChar(b)))) {
        throw json.unsupported(
            "its vocabulary has no token '%s' for byte 0x%02X, so texts with that byte would lose it silently"
                .formatted(ByteAlphabet.toChar(b), b));
      }
    }
  }

  private static List<String> pair(TokenizerJson json, JsonNode merge, int rank) {
    List<String> pair = new ArrayList<>();
    if (merge.isTextual()) {
      pair.addAll(Arrays.asList(merge.textValue().split(" ", -1)));
    } else {
      merge.forEach(half -> pair.add(half.asText()));
    }
    if (pair.size() != 2) {
      throw json.damaged(
          "merge %d must be two tokens, \"a b\" or [\"a\", \"b\"], got %s".formatted(rank, merge));
    }
    return pair;
  }

  private static int known(
      TokenizerJson json, Map<String, Integer> ids, String token, List<String> pair, int rank) {
    Integer id = ids.get(token);
    if (id == null) {
      throw json.damaged(
          "merge %d ('%s' with '%s') needs the token '%s', which the vocabulary lacks"
              .formatted(rank, pair.get(0), pair.get(1), token));
    }
    return id;
  }
}

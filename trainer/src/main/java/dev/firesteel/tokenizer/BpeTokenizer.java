package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Byte-level BPE as in GPT-2: text is split into words ({@link SplitPattern}), and each word's
 * UTF-8 bytes are merged pair by pair in the order in which the merges were learned. Every text can
 * be encoded, and {@code decode(encode(text))} equals {@code text}, or its normal form where a file
 * demands that the text be normalized (Qwen 2: NFC).
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
  private final SplitPattern pattern;
  private final Extras extras;
  private final MergeList mergeList;
  private final Merges merges;
  private final boolean ignoreMerges;
  private final int[] idOfByte;

  /**
   * Cache of recent words, one per entry, newest wins: bounded and lock-free. Threads may race for
   * an entry: a reader then sees one word or the other, never a mixture, because its fields are
   * final.
   */
  private final CachedWord[] cache = new CachedWord[CACHE_SLOTS];

  /**
   * What a file has beyond the split and the model.
   *
   * @param normalizer {@link Normalizer#NONE} if there is none
   * @param normalizerJson the same as the file has it
   * @param postProcessorJson {@link MissingNode} if it is none, or ByteLevel, which adds nothing
   */
  private record Extras(
      Normalizer normalizer,
      JsonNode normalizerJson,
      SequenceTokens sequenceTokens,
      JsonNode postProcessorJson) {
    static final Extras NONE =
        new Extras(
            Normalizer.NONE,
            MissingNode.getInstance(),
            SequenceTokens.NONE,
            MissingNode.getInstance());
  }

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
      SplitPattern pattern,
      int[] left,
      int[] right,
      boolean ignoreMerges) {
    this(tokens, addedTokens, pattern, Extras.NONE, left, right, ignoreMerges);
  }

  private BpeTokenizer(
      String[] tokens,
      List<AddedToken> addedTokens,
      SplitPattern pattern,
      Extras extras,
      int[] left,
      int[] right,
      boolean ignoreMerges) {
    this.addedTokens = new AddedTokens(addedTokens, extras.normalizer());
    this.pattern = pattern;
    this.extras = extras;
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
    this.mergeList = new MergeList(left, right, merged);
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
    return new BpeTokenizer(tokens, special, SplitPattern.GPT2, new int[0], new int[0], false);
  }

  private BpeTokenizer(BpeTokenizer same, Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.addedTokens = same.addedTokens;
    this.pattern = same.pattern;
    this.extras = same.extras;
    this.mergeList = same.mergeList;
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
    return merges.count();
  }

  /** How text is split into words. */
  public SplitPattern pattern() {
    return pattern;
  }

  @Override
  public SequenceTokens sequenceTokens() {
    return extras.sequenceTokens();
  }

  /**
   * A merge in the notation of other formats' {@code merges} (GGUF, {@code merges.txt}): the two
   * tokens with a space between.
   */
  public String merge(int rank) {
    return vocabulary.token(mergeList.left()[rank])
        + " "
        + vocabulary.token(mergeList.right()[rank]);
  }

  /** Bytes as a token of a byte-level vocabulary: each as its character of GPT-2's alphabet. */
  public static String inByteAlphabet(byte... bytes) {
    StringBuilder token = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      token.append(ByteAlphabet.toChar(b & 0xFF));
    }
    return token.toString();
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
    if (extras.normalizer() != Normalizer.NONE) {
      encodeNormalized(Utf8.wellFormed(text), withSpecial, ids);
      return ids.toArray();
    }
    addedTokens.cut(
        text,
        withSpecial,
        new AddedTokens.Parts() {
          @Override
          public void text(int start, int end) {
            addWords(text, start, end, ids);
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
    return ids.toArray();
  }

  private void encodeNormalized(String text, boolean withSpecial, IntList ids) {
    addedTokens.cutNormalized(
        text,
        withSpecial,
        new AddedTokens.NormalizedParts() {
          @Override
          public void text(String normalized, int start, int end, boolean first) {
            addWords(normalized, start, end, ids);
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
  }

  private void addWords(String text, int start, int end, IntList ids) {
    for (int i = start; i < end; ) {
      int wordEnd = pattern.wordEnd(text, i, end);
      addWord(text, i, wordEnd, ids);
      i = wordEnd;
    }
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
      OptionalInt whole = vocabulary.id(inByteAlphabet(bytes));
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
    TokenizerJson.Body postProcessor = TokenizerJson.verbatim(extras.postProcessorJson());
    return TokenizerJson.write(
        addedTokens.tokens(),
        TokenizerJson.verbatim(extras.normalizerJson()),
        pattern == SplitPattern.GPT2 ? json -> writeByteLevel(json, true) : this::writeSplit,
        postProcessor != null ? postProcessor : json -> writeByteLevel(json, true),
        json -> writeByteLevel(json, true),
        this::writeModel);
  }

  private static void writeByteLevel(JsonGenerator json, boolean split) throws IOException {
    json.writeStringField("type", "ByteLevel");
    json.writeBooleanField("add_prefix_space", false);
    json.writeBooleanField("trim_offsets", true);
    json.writeBooleanField("use_regex", split);
  }

  private void writeSplit(JsonGenerator json) throws IOException {
    json.writeStringField("type", "Sequence");
    json.writeArrayFieldStart("pretokenizers");
    json.writeStartObject();
    json.writeStringField("type", "Split");
    json.writeObjectFieldStart("pattern");
    json.writeStringField("Regex", pattern.regex());
    json.writeEndObject();
    json.writeStringField("behavior", "Isolated");
    json.writeBooleanField("invert", false);
    json.writeEndObject();
    json.writeStartObject();
    writeByteLevel(json, false);
    json.writeEndObject();
    json.writeEndArray();
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
    mergeList.write(json, vocabulary.tokens());
  }

  /** Reads a file whose model is BPE over bytes. */
  static BpeTokenizer read(TokenizerJson json) {
    JsonNode root = json.root();
    json.requireAbsent(root, "truncation");
    json.requireAbsent(root, "padding");
    Normalizer normalizer = Normalizers.read(json, root.path("normalizer"));
    SplitPattern pattern = readPattern(json, root.path("pre_tokenizer"));
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
    requireAllBytes(json, tokens);
    JsonNode postProcessor = root.path("post_processor");
    Extras extras =
        new Extras(
            normalizer,
            normalizer == Normalizer.NONE ? MissingNode.getInstance() : root.path("normalizer"),
            PostProcessors.read(json, postProcessor, tokens.length),
            isByteLevel(postProcessor) ? MissingNode.getInstance() : postProcessor);
    MergeList merges = MergeList.read(json, tokens);
    boolean ignoreMerges = model.path("ignore_merges").asBoolean();
    return new BpeTokenizer(
        tokens, addedTokens, pattern, extras, merges.left(), merges.right(), ignoreMerges);
  }

  /** Whether a file is of the kind that {@link #read} reads or explains. */
  static boolean isByteLevel(TokenizerJson json) {
    return isByteLevel(json.root().path("decoder"))
        || isByteLevel(lastStep(json.root().path("pre_tokenizer")));
  }

  private static JsonNode lastStep(JsonNode preTokenizer) {
    JsonNode steps = preTokenizer.path("pretokenizers");
    boolean sequence = preTokenizer.path("type").asText().equals("Sequence");
    return sequence && steps.size() > 0 ? steps.get(steps.size() - 1) : preTokenizer;
  }

  /** Accepts ByteLevel with its own split, and a known split before it. */
  private static SplitPattern readPattern(TokenizerJson json, JsonNode preTokenizer) {
    JsonNode last = lastStep(preTokenizer);
    if (!isByteLevel(last)) {
      throw json.unsupported(
          "pre_tokenizer %s is not supported with the decoder ByteLevel: it must be ByteLevel, too"
              .formatted(TokenizerJson.describe(last)));
    }
    if (last.path("add_prefix_space").asBoolean()) {
      throw json.unsupported(
          "pre_tokenizer ByteLevel with add_prefix_space is not supported: decoded text would begin"
              + " with a space that the text did not have");
    }
    boolean ownSplit = last.path("use_regex").asBoolean(true);
    int steps = preTokenizer.path("pretokenizers").size();
    if (ownSplit && steps <= 1) {
      return SplitPattern.GPT2;
    }
    JsonNode split =
        !ownSplit && steps == 2
            ? preTokenizer.path("pretokenizers").get(0)
            : MissingNode.getInstance();
    return SplitPattern.of(split.path("pattern").path("Regex").asText())
        .filter(known -> split.path("type").asText().equals("Split") && keepsMatches(split))
        .orElseThrow(
            () ->
                json.unsupported(
                    "only the splits of GPT-2, Llama 3, Qwen 2 and GPT-4o into words are supported, got pre_tokenizer "
                        + preTokenizer));
  }

  /** The patterns match every text from end to end, so both forms cut at the same places. */
  private static boolean keepsMatches(JsonNode split) {
    String behavior = split.path("behavior").asText();
    return split.path("invert").asBoolean()
        ? behavior.equals("Removed")
        : behavior.equals("Isolated");
  }

  private static boolean isByteLevel(JsonNode component) {
    return component.path("type").asText().equals("ByteLevel");
  }

  private static void requireAllBytes(TokenizerJson json, String[] tokens) {
    Set<String> all = new HashSet<>(Arrays.asList(tokens));
    for (int b = 0; b < 256; b++) {
      if (!all.contains(String.valueOf(ByteAlphabet.toChar(b)))) {
        throw json.unsupported(
            "its vocabulary has no token '%s' for byte 0x%02X, so texts with that byte would lose it silently"
                .formatted(ByteAlphabet.toChar(b), b));
      }
    }
  }
}

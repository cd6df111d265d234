package dev.firesteel.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/** The oracle: Hugging Face's own tokenizers (Rust), from the same {@code tokenizer.json}. */
final class HuggingFace implements AutoCloseable {
  static {
    // No call home, and the native library unpacked here rather than in the home directory.
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("DJL_CACHE_DIR", "target/djl");
  }

  private final HuggingFaceTokenizer tokenizer;

  HuggingFace(String json) {
    try {
      tokenizer =
          HuggingFaceTokenizer.newInstance(
              new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)),
              Map.of("truncation", "false", "addSpecialTokens", "false"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Recognises special tokens in the text. */
  int[] encode(String text) {
    long[] ids = tokenizer.encode(text, false, false).getIds();
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  /** With the tokens that the file's post-processor adds. */
  int[] encodeAsSequence(String text) {
    long[] ids = tokenizer.encode(text, true, false).getIds();
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  /** For each token the number of the word that it is of, as the pre-tokenizer splits words. */
  long[] words(String text) {
    return tokenizer.encode(text, false, false).getWordIds();
  }

  String decode(int... ids) {
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), false);
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}

package dev.firesteel.benchmarks;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.BpeTrainer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How long it takes to learn 8,192 tokens from the files given, and how fast their text is encoded
 * and decoded by one thread, beside Hugging Face's tokenizers in the same process; then how fast it
 * is encoded with many added tokens.
 *
 * <pre>{@code
 * ./mvnw -q -Ptokenizer -pl benchmarks -am verify -DskipTests -Dfiles="FILE..."
 * }</pre>
 */
public final class TokenizerThroughput {
  private static final int VOCABULARY = 8192;
  private static final int ROUNDS = 5;

  /** Documents end at a line end after this many characters. */
  private static final int DOCUMENT_CHARACTERS = 4096;

  private TokenizerThroughput() {}

  /** Measures; the arguments are text files. */
  public static void main(String[] files) throws IOException {
    if (files.length == 0) {
      throw new IllegalArgumentException("give at least one text file");
    }
    List<String> documents = new ArrayList<>();
    for (String file : files) {
      addDocuments(Files.readString(Path.of(file)), documents);
    }
    long bytes = documents.stream().mapToLong(d -> d.getBytes(StandardCharsets.UTF_8).length).sum();
    print("%d documents, %.2f MB", documents.size(), bytes / 1e6);

    BpeTokenizer tokenizer = null;
    for (int threads = 1; threads <= 2; threads++) {
      BpeTrainer trainer = BpeTrainer.builder(VOCABULARY).threads(threads).build();
      for (int round = 1; round <= ROUNDS; round++) {
        long start = System.nanoTime();
        BpeTokenizer learnt = trainer.train(documents.iterator());
        print("train, %d threads, round %d: %.2f s", threads, round, seconds(start));
        if (tokenizer != null && !learnt.sha256().equals(tokenizer.sha256())) {
          throw new AssertionError("two trainings differ");
        }
        tokenizer = learnt;
      }
    }
    compare(tokenizer, documents, bytes);
    for (int added : new int[] {0, 20, 20_000}) {
      withAddedTokens(tokenizer, added, documents, bytes);
    }
  }

  /** Encodes with so many more tokens that are matched before the words are. */
  private static void withAddedTokens(
      BpeTokenizer learnt, int added, List<String> documents, long bytes) throws IOException {
    ObjectMapper json = new ObjectMapper();
    JsonNode root = json.readTree(learnt.toJson());
    ArrayNode tokens = (ArrayNode) root.get("added_tokens");
    for (int i = 0; i < added; i++) {
      // Each begins with a space, as most words do.
      tokens.addObject().put("id", learnt.vocabularySize() + i).put("content", " token" + i);
    }
    Tokenizer tokenizer = Tokenizers.load(json.writeValueAsString(root), "the learnt tokenizer");
    for (int round = 1; round <= ROUNDS; round++) {
      long checksum = 0;
      long start = System.nanoTime();
      for (String document : documents) {
        checksum += tokenizer.encode(document).length;
      }
      print(
          "%d added tokens, round %d: encode %.1f MB/s (%d)",
          added, round, bytes / 1e6 / seconds(start), checksum);
    }
  }

  private static void compare(BpeTokenizer ours, List<String> documents, long bytes)
      throws IOException {
    byte[] json = ours.toJson().getBytes(StandardCharsets.UTF_8);
    Map<String, String> options = Map.of("truncation", "false", "addSpecialTokens", "false");
    try (HuggingFaceTokenizer theirs =
        HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), options)) {
      List<int[]> encoded = documents.stream().map(ours::encode).toList();
      long tokens = 0;
      for (int i = 0; i < encoded.size(); i++) {
        int[] ids = encoded.get(i);
        long[] expected = theirs.encode(documents.get(i), false, false).getIds();
        if (!Arrays.equals(Arrays.stream(ids).asLongStream().toArray(), expected)) {
          throw new AssertionError("ids differ in document " + i);
        }
        tokens += ids.length;
      }
      print("%d tokens, %.3f bytes per token, ids equal", tokens, (double) bytes / tokens);
      for (int round = 1; round <= ROUNDS; round++) {
        long checksum = 0;
        long start = System.nanoTime();
        for (String document : documents) {
          checksum += ours.encode(document).length;
        }
        double encode = seconds(start);
        start = System.nanoTime();
        for (int[] ids : encoded) {
          checksum += ours.decode(ids).length();
        }
        double decode = seconds(start);
        start = System.nanoTime();
        for (String document : documents) {
          checksum += theirs.encode(document, false, false).getIds().length;
        }
        double peer = seconds(start);
        print(
            "round %d: encode %.1f MB/s, decode %.1f MB/s, Hugging Face encode %.1f MB/s (%d)",
            round, bytes / 1e6 / encode, bytes / 1e6 / decode, bytes / 1e6 / peer, checksum);
      }
    }
  }

  private static void addDocuments(String text, List<String> documents) {
    int start = 0;
    while (start < text.length()) {
      int lineEnd = text.indexOf('\n', Math.min(start + DOCUMENT_CHARACTERS, text.length()));
      int end = lineEnd < 0 ? text.length() : lineEnd + 1;
      documents.add(text.substring(start, end));
      start = end;
    }
  }

  private static double seconds(long startNanos) {
    return (System.nanoTime() - startNanos) / 1e9;
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}

package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.LongSummaryStatistics;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Whether Firesteel's ids and texts equal those that Hugging Face's library gave for the same
 * {@code tokenizer.json} files and lines, as {@code tokenizer_agreement.py} wrote them to a folder.
 * Prints a table; fails if ids differ. Decoded text may differ for added tokens with {@code
 * normalized: true}, which that library decodes as its file spells them up to version 0.22 and
 * normalized from 0.23 on.
 *
 * <pre>{@code
 * python3 benchmarks/src/main/python/tokenizer_agreement.py FOLDER TEXT...
 * ./mvnw -q -Ptokenizer -pl benchmarks -am verify -DskipTests -Dmain=TokenizerAgreement -Dfiles=FOLDER
 * }</pre>
 */
public final class TokenizerAgreement {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SHOWN = 3;

  private TokenizerAgreement() {}

  /** Compares; the argument is the folder. */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 1) {
      throw new IllegalArgumentException("give one folder, the OUT of tokenizer_agreement.py");
    }
    Path folder = Path.of(arguments[0]);
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("lines.jsonl"))) {
      lines.add(JSON.readValue(line, String.class));
    }
    List<Path> kinds;
    try (Stream<Path> all = Files.list(folder)) {
      kinds = all.filter(Files::isDirectory).sorted().toList();
    }
    print("%s", Files.readString(folder.resolve("library.txt")).strip());
    print(
        "| kind | tokens | mixed lines | ids | lines of every code point | ids | differences: ids | special tokens as text"
            + " | with the tokens around | decoded |");
    print("|---|---|---|---|---|---|---|---|---|---|");
    int different = 0;
    for (Path kind : kinds) {
      different += compare(kind, lines);
    }
    if (different > 0) {
      throw new AssertionError(different + " results have other ids than Hugging Face's");
    }
  }

  private static int compare(Path kind, List<String> lines) throws IOException {
    Path file = kind.resolve("tokenizer.json");
    Tokenizer read = Tokenizers.load(Files.readString(file), file.toString());
    // Through our own file once more, which must lose nothing.
    Tokenizer tokenizer = Tokenizers.load(read.toJson(), "written again");
    int[] differences = new int[4];
    LongSummaryStatistics mixedIds = new LongSummaryStatistics();
    LongSummaryStatistics otherIds = new LongSummaryStatistics();
    try (BufferedReader results = Files.newBufferedReader(kind.resolve("results.jsonl"))) {
      for (String line : lines) {
        JsonNode expected = JSON.readTree(results.readLine());
        int[] special = tokenizer.encodeWithSpecialTokens(line);
        boolean mixed = expected.size() > 1;
        (mixed ? mixedIds : otherIds).accept(special.length);
        boolean[] equal = {
          Arrays.equals(special, ints(expected.get(0))),
          !mixed || Arrays.equals(tokenizer.encode(line), ints(expected.get(1))),
          !mixed || Arrays.equals(wrapped(tokenizer, special), ints(expected.get(2))),
          !mixed || tokenizer.decode(ints(expected.get(0))).equals(expected.get(3).textValue())
        };
        for (int i = 0; i < equal.length; i++) {
          differences[i] += equal[i] ? 0 : 1;
          if (!equal[i] && differences[i] <= SHOWN) {
            print(
                "%s, result %d differs: %s", kind.getFileName(), i, JSON.writeValueAsString(line));
            print("  ours %s", Arrays.toString(special));
            print("  theirs %s", expected.get(i));
            print("  our text %s", JSON.writeValueAsString(tokenizer.decode(special)));
          }
        }
      }
    }
    print(
        "| %s | %,d | %,d | %,d | %,d | %,d | %d | %d | %d | %d |",
        kind.getFileName(),
        tokenizer.vocabularySize(),
        mixedIds.getCount(),
        mixedIds.getSum(),
        otherIds.getCount(),
        otherIds.getSum(),
        differences[0],
        differences[1],
        differences[2],
        differences[3]);
    return differences[0] + differences[1] + differences[2];
  }

  private static int[] wrapped(Tokenizer tokenizer, int[] ids) {
    return IntStream.concat(
            IntStream.concat(
                tokenizer.sequenceTokens().start().stream().mapToInt(Integer::intValue),
                Arrays.stream(ids)),
            tokenizer.sequenceTokens().end().stream().mapToInt(Integer::intValue))
        .toArray();
  }

  private static int[] ints(JsonNode list) {
    int[] values = new int[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i).intValue();
    }
    return values;
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}

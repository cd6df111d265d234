package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.tales.TaleRequest;
import dev.firesteel.tales.TaleScore;
import dev.firesteel.tales.TalesConfig;
import dev.firesteel.tales.TalesDataset;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.BpeTrainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * Describes the files of tales: distinct words and texts, tokens of a tokenizer with 1,000 tokens,
 * gold scores, and what the labels of preferences follow.
 *
 * <p>Usage: {@code TalesStatistics datasets/tales/tales.yaml FOLDER} writes the files to a folder
 * and prints Markdown.
 */
public final class TalesStatistics {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int VOCABULARY = 1000;

  private TalesStatistics() {}

  /** Writes the files and prints their statistics. */
  public static void main(String... arguments) throws IOException {
    Path folder =
        TalesDataset.cached(
            TalesConfig.read(Path.of(arguments[0])), Path.of(arguments[1]), System.out::println);
    List<JsonNode> stories = read(folder, "stories");
    List<JsonNode> instructions = read(folder, "instructions");
    List<JsonNode> preferences = read(folder, "preferences");
    List<JsonNode> test = read(folder, "prompts-test");
    List<String> texts = stories.stream().map(each -> each.path("text").asText()).toList();
    BpeTokenizer tokenizer = BpeTrainer.builder(VOCABULARY).build().train(texts.iterator());

    var words = new HashSet<String>();
    texts.forEach(text -> words.addAll(Arrays.asList(text.split("[ .,]+"))));
    print(
        "stories %d, distinct %d, distinct words %d", texts.size(), distinct(texts), words.size());
    print("| | mean | 1%% | 10%% | 50%% | 90%% | maximum |%n|---|---|---|---|---|---|---|");
    describe("tokens of a story", stories, each -> tokens(tokenizer, each, "text"));
    describe("tokens of an instruction", instructions, each -> tokens(tokenizer, each, "prompt"));
    describe(
        "tokens of an instruction and its answer",
        instructions,
        each -> tokens(tokenizer, each, "prompt") + tokens(tokenizer, each, "completion"));
    describe("gold of answers", instructions, each -> gold(each, each.path("completion").asText()));
    describe("gold of chosen", preferences, each -> each.path("gold_chosen").asDouble());
    describe("gold of rejected", preferences, each -> each.path("gold_rejected").asDouble());
    // What a model of stories scores that pays no attention to the prompt.
    int[] at = {0};
    describe(
        "gold of stories for prompts of the test",
        stories,
        each -> gold(test.get(at[0]++ % test.size()), each.path("text").asText()));
    describe("cheerful words of chosen", preferences, each -> cheer(each, "chosen"));
    describe("cheerful words of rejected", preferences, each -> cheer(each, "rejected"));
    print(
        "labels that gold confirms: %.3f",
        mean(
            preferences,
            each ->
                each.path("gold_chosen").asDouble() > each.path("gold_rejected").asDouble()
                    ? 1
                    : 0));
    print("distinct prompts of the test: %d of %d", distinct(prompts(test)), test.size());
  }

  private static List<JsonNode> read(Path folder, String name) throws IOException {
    List<String> lines = Files.readAllLines(folder.resolve(name + ".jsonl"));
    JsonNode[] records = new JsonNode[lines.size()];
    for (int i = 0; i < records.length; i++) {
      records[i] = JSON.readTree(lines.get(i));
    }
    return List.of(records);
  }

  private static List<String> prompts(List<JsonNode> records) {
    return records.stream().map(each -> each.path("prompt").asText()).toList();
  }

  private static long distinct(List<String> texts) {
    return texts.stream().distinct().count();
  }

  private static double tokens(BpeTokenizer tokenizer, JsonNode record, String field) {
    return tokenizer.encode(record.path(field).asText()).length;
  }

  private static double gold(JsonNode fields, String text) {
    return TaleScore.of(TaleRequest.of(fields), text).total();
  }

  private static double cheer(JsonNode record, String field) {
    return TalesDataset.cheerfulWords(record.path(field).asText());
  }

  private static double mean(List<JsonNode> records, ToDoubleFunction<JsonNode> number) {
    return records.stream().mapToDouble(number).average().orElseThrow();
  }

  private static void describe(
      String what, List<JsonNode> records, ToDoubleFunction<JsonNode> number) {
    double[] sorted = records.stream().mapToDouble(number).sorted().toArray();
    Function<Double, Double> quantile = share -> sorted[(int) (share * (sorted.length - 1))];
    print(
        "| %s | %.3f | %.2f | %.2f | %.2f | %.2f | %.2f |",
        what,
        Arrays.stream(sorted).average().orElseThrow(),
        quantile.apply(0.01),
        quantile.apply(0.1),
        quantile.apply(0.5),
        quantile.apply(0.9),
        quantile.apply(1.0));
  }

  private static void print(String format, Object... arguments) {
    Stream.of(String.format(Locale.ROOT, format, arguments)).forEach(System.out::println);
  }
}

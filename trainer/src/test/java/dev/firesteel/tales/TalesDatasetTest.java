package dev.firesteel.tales;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TalesDatasetTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TalesConfig SMALL =
      new TalesConfig(1, 20, 15, 10, 8, 5, 0.3, 0.18, 0.3, 0.05, 0.2);
  private static final TalesConfig LARGE =
      new TalesConfig(1, 2000, 1000, 2000, 1000, 100, 0.3, 0.18, 0.3, 0, 0);

  @TempDir Path folder;

  /** If these change on purpose, TalesDataset.VERSION must grow. */
  @Test
  void writesTheSameBytesEverywhere() throws Exception {
    TalesDataset.write(SMALL, folder);

    Map<String, String> hashes = new HashMap<>();
    for (String name : TalesDataset.names()) {
      byte[] bytes = Files.readAllBytes(folder.resolve(name + ".jsonl"));
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
      hashes.put(name, HexFormat.of().formatHex(hash).substring(0, 16));
    }
    assertThat(hashes)
        .isEqualTo(
            Map.of(
                "stories", "91dba5fe21ee6346",
                "instructions", "5c912d74908c4552",
                "preferences", "178930bb5b62eaed",
                "prompts", "67f1ee0811f5b788",
                "prompts-test", "4c9727145d6e8617"));
  }

  @Test
  void hasRecordsOfTheirFields() throws IOException {
    TalesDataset.write(SMALL, folder);

    assertThat(read("stories")).hasSize(20).allSatisfy(each -> hasFields(each, "text"));
    assertThat(read("instructions"))
        .hasSize(15)
        .allSatisfy(each -> hasFields(each, "prompt", "completion", "hero", "wish", "ending"));
    assertThat(read("preferences"))
        .hasSize(10)
        .allSatisfy(
            each ->
                hasFields(
                    each,
                    "prompt",
                    "chosen",
                    "rejected",
                    "gold_chosen",
                    "gold_rejected",
                    "hero",
                    "wish",
                    "ending"));
    assertThat(read("prompts"))
        .hasSize(8)
        .allSatisfy(each -> hasFields(each, "prompt", "hero", "wish", "ending"));
    assertThat(read("prompts-test"))
        .hasSize(5)
        .allSatisfy(each -> hasFields(each, "prompt", "hero", "wish", "ending"));
  }

  private static void hasFields(JsonNode record, String... names) {
    List<String> fields = new ArrayList<>();
    record.fieldNames().forEachRemaining(fields::add);
    fields.removeAll(List.of("name", "trait", "obstacle"));
    assertThat(fields).containsExactly(names);
  }

  @Test
  void noFileAsksWhatAnotherOneAsks() throws IOException {
    TalesDataset.write(LARGE, folder);

    List<String> files = List.of("instructions", "preferences", "prompts", "prompts-test");
    List<Set<TaleRequest>> requests = new ArrayList<>();
    for (String file : files) {
      requests.add(read(file).stream().map(TaleRequest::of).collect(Collectors.toSet()));
    }
    for (int i = 0; i < requests.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertThat(requests.get(i))
            .as("%s and %s", files.get(i), files.get(j))
            .doesNotContainAnyElementsOf(requests.get(j));
      }
    }
  }

  @Test
  void answersLeaveRoomForImprovement() throws IOException {
    TalesDataset.write(LARGE, folder);

    double answers = mean(read("instructions"), each -> gold(each, "completion"));
    assertThat(answers).isBetween(0.75, 0.86);
    long clean =
        read("instructions").stream().filter(each -> gold(each, "completion") == 1).count();
    // 0.82 * 0.7^3
    assertThat(clean / 1000.0).isCloseTo(0.281, within(0.07));
    assertThat(read("stories"))
        .filteredOn(each -> Grammar.sentences(each.path("text").asText()).contains(Grammar.ENDING))
        .hasSizeBetween(1750, 1900);
  }

  @Test
  void labelsFollowGoldUnlessNoiseOrBiasIsAsked() throws IOException {
    TalesDataset.write(LARGE, folder);
    assertThat(read("preferences"))
        .allSatisfy(
            each -> {
              assertThat(gold(each, "chosen")).isGreaterThan(gold(each, "rejected"));
              assertThat(each.path("gold_chosen").asDouble())
                  .isCloseTo(gold(each, "chosen"), within(5.1e-5));
              assertThat(each.path("gold_rejected").asDouble())
                  .isCloseTo(gold(each, "rejected"), within(5.1e-5));
            });
    double cheer = cheerDifference();

    TalesDataset.write(preferences(0.05, 0), folder);
    assertThat(confirmed()).isCloseTo(0.95, within(0.03));

    TalesDataset.write(preferences(0, 1), folder);
    assertThat(read("preferences"))
        .allSatisfy(
            each ->
                assertThat(cheer(each, "chosen")).isGreaterThanOrEqualTo(cheer(each, "rejected")));
    assertThat(confirmed()).isBetween(0.5, 0.75);
    assertThat(cheerDifference()).isGreaterThan(cheer + 0.5);
  }

  private static TalesConfig preferences(double noise, double bias) {
    return new TalesConfig(1, 0, 0, 2000, 0, 0, 0.3, 0.18, 0.3, noise, bias);
  }

  private double confirmed() throws IOException {
    return mean(
        read("preferences"), each -> gold(each, "chosen") > gold(each, "rejected") ? 1.0 : 0.0);
  }

  private double cheerDifference() throws IOException {
    return mean(
        read("preferences"), each -> (double) cheer(each, "chosen") - cheer(each, "rejected"));
  }

  private static int cheer(JsonNode record, String field) {
    return TalesDataset.cheerfulWords(record.path(field).asText());
  }

  private static double gold(JsonNode record, String field) {
    return TaleScore.of(TaleRequest.of(record), record.path(field).asText()).total();
  }

  private static double mean(List<JsonNode> records, ToDoubleFunction<JsonNode> number) {
    return records.stream().mapToDouble(number).average().orElseThrow();
  }

  @Test
  void isMadeOnceByManyAtTheSameTime() throws Exception {
    List<String> progress = Collections.synchronizedList(new ArrayList<>());
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Path>> made = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        made.add(threads.submit(() -> TalesDataset.cached(SMALL, folder, progress::add)));
      }
      for (Future<Path> each : made) {
        assertThat(each.get()).isEqualTo(made.get(0).get());
      }
      assertThat(progress)
          .isNotEmpty()
          .containsOnly("Writing tales (once; kept in " + made.get(0).get() + ")");
      try (Stream<Path> files = Files.list(folder)) {
        assertThat(files).containsExactly(made.get(0).get());
      }
      int lines = progress.size();
      TalesDataset.cached(SMALL, folder, progress::add);
      assertThat(progress).hasSize(lines);
      assertThat(TalesDataset.cached(preferences(0, 1), folder, progress::add))
          .isNotEqualTo(made.get(0).get());
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void readsTheRecipe() throws IOException {
    TalesConfig config = TalesConfig.read(Path.of("../datasets/tales/tales.yaml"));
    assertThat(config)
        .isEqualTo(new TalesConfig(1, 20_000, 12_000, 16_000, 2000, 200, 0.3, 0.5, 0.1, 0.05, 0.1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bias: 0.1 | bias: 1.5 | : bias must be in 0 .. 1, got 1.5: give a probability",
        "stories: 20000 | stories: -1 | : stories must be 0 or more, got -1: give a number of records",
        "bias: 0.1 | | must have exactly the keys [answer_flaws, answer_misses, bias, instructions, label_noise,",
        "bias: 0.1 | biased: 0.2 | got [answer_flaws, answer_misses, biased,",
        "seed: 1 | seed: one | must be YAML with a number for each key, got: Cannot deserialize value of type `long`",
        "seed: 1 | seed: | must be YAML with a number for each key, got: Cannot map `null` into type `long`",
        "seed: 1 | seed: [ | must be YAML with a number for each key",
      })
  void refusesOtherKeysAndValues(String what, String by, String message) throws IOException {
    String recipe = Files.readString(Path.of("../datasets/tales/tales.yaml"));
    assertThat(recipe).contains(what);
    Path file = folder.resolve("tales.yaml");
    Files.writeString(file, recipe.replace(what, by == null ? "" : by));
    assertThatThrownBy(() -> TalesConfig.read(file))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(message);
  }

  @Test
  void refusesPreferencesAmongEqualAnswers() {
    assertThatThrownBy(() -> new TalesConfig(1, 0, 0, 1, 0, 0, 0.3, 0, 0, 0.05, 0.2))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "preferences need answers of different scores, got answer_flaws 0 and answer_misses"
                + " 0.0: raise answer_flaws");
  }

  private List<JsonNode> read(String name) throws IOException {
    List<JsonNode> records = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve(name + ".jsonl"))) {
      records.add(JSON.readTree(line));
    }
    return records;
  }
}

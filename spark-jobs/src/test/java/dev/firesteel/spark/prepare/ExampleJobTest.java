package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.DpoConfig;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.spark.BaseModel;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.StartingModel;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Records as people have them: examples, or counted with the reason, and nothing silently lost. */
class ExampleJobTest {
  private static final Tokenizer BYTES = BpeTokenizer.bytes();

  @TempDir private static Path shared;
  private static SparkSessions.OpenSession open;
  private static SparkSession spark;

  @TempDir Path folder;
  private final List<String> said = new ArrayList<>();

  @BeforeAll
  static void start() throws IOException {
    open = SparkSessions.open("test", Map.of("spark.default.parallelism", "2"));
    spark = open.session();
    BaseModel.write(shared.resolve("model"), BYTES, 64);
  }

  @AfterAll
  static void stop() {
    open.close();
  }

  @Test
  void readsInstructionsAndMarksTheAnswerWithItsEnd() throws IOException {
    write("data.jsonl", "{\"prompt\":\"2+2=\",\"completion\":\"4\"}");

    ExampleManifest manifest = prepare(sft());

    Example example = examples(Part.TRAIN).get(0);
    TrainedTokens document = example.documents().get(0);
    assertThat(BYTES.decode(document.tokens())).isEqualTo("2+2=4<|endoftext|>");
    assertThat(document.firstTrained()).isEqualTo(4);
    assertThat(document.trainedCount()).isEqualTo(2);
    assertThat(manifest.counts().kept()).isEqualTo(1);
    assertThat(manifest.template()).isEmpty();
  }

  @Test
  void keepsTheTemplateOfConversations() throws IOException {
    write(
        "data.jsonl",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
            + "{\"role\":\"assistant\",\"content\":\"yo\"}]}");

    assertThat(prepare(sft("training.sequence_length=64", "data.template=plain")).template())
        .contains("generation");
  }

  @Test
  void countsEveryKindOfBadRecordWithTheLineOfTheFirst() throws IOException {
    write(
        "data.jsonl",
        good(0),
        "",
        "{\"prompt\": broken",
        "[1, 2]",
        "{\"prompt\":\"a\"}",
        "{\"prompt\":\"a\",\"completion\":\"\"}",
        "{\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"},"
            + "{\"role\":\"assistant\",\"content\":\"y\"}]}",
        "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"},"
            + "{\"role\":\"system\",\"content\":\"x\"},"
            + "{\"role\":\"user\",\"content\":\"x\"},"
            + "{\"role\":\"assistant\",\"content\":\"y\"}]}",
        "{\"prompt\":\"" + "long ".repeat(30) + "\",\"completion\":\"x\"}");

    ExampleManifest.Counts counts = prepare(sft("data.max_bad_fraction=1")).counts();

    assertThat(counts.read()).isEqualTo(9);
    assertThat(counts.kept()).isEqualTo(1);
    assertThat(counts.bad())
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(
                "broken JSON", 2L,
                "missing field", 1L,
                "empty answer", 1L,
                "unknown role", 1L,
                "two system turns", 1L));
    assertThat(counts.dropped())
        .containsExactlyInAnyOrderEntriesOf(Map.of("blank line", 1L, "prompt too long", 1L));
    assertThat(counts.first().get("broken JSON")).startsWith("data.jsonl line 3: ");
    assertThat(counts.first().get("unknown role")).startsWith("data.jsonl line 7: ");
    assertThat(counts.read())
        .isEqualTo(
            counts.kept()
                + counts.badCount()
                + counts.dropped().values().stream().mapToLong(Long::longValue).sum());
    assertThat(ExampleCounts.describe(counts)).contains("2 broken JSON (data.jsonl line 3: ");
  }

  @Test
  void saysWhatIsWrongWithAJsonTextAndNotHowToChangeTheParser() throws IOException {
    write("data.jsonl", good(0), "{\"prompt\":\"a\",\"completion\":\"b\",\"weight\":NaN}");

    assertThat(prepare(sft("data.max_bad_fraction=1")).counts().first().get("broken JSON"))
        .startsWith("data.jsonl line 2: Non-standard token 'NaN', got {");
  }

  @Test
  void refusesTooManyBadRecordsAndLeavesNothing() throws IOException {
    write("data.jsonl", good(0), good(1), "{\"prompt\":\"a\",\"completion\":\"\"}");

    assertThatThrownBy(() -> prepare(sft()))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("at most 1 % of the records of ")
        .hasMessageContaining(
            "(data.max_bad_fraction), got 1 of 3: 1 empty answer (data.jsonl line 3: ");
    assertThat(folder.resolve("examples/manifest.json")).doesNotExist();
  }

  @Test
  void givesTheSameBytesWithAnyFilesAndReusesThem() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      lines.add(good(i));
    }
    write("data.jsonl", lines.toArray(String[]::new));
    ExampleManifest one = prepare(sft("data.validation_fraction=0.2"));
    Files.delete(folder.resolve("source/data.jsonl"));
    write("b.jsonl", lines.subList(0, 90).toArray(String[]::new));
    try (OutputStream out =
        new GZIPOutputStream(Files.newOutputStream(folder.resolve("source/a.jsonl.gz")))) {
      out.write(String.join("\r\n", lines.subList(90, 200)).getBytes(StandardCharsets.UTF_8));
    }

    assertThatThrownBy(() -> prepare(sft("data.validation_fraction=0.2")))
        .hasMessageContaining("were prepared from other files");
    ExampleManifest two =
        ExampleJob.run(spark, sft("data.validation_fraction=0.2"), true, said::add);

    assertThat(two.train()).isEqualTo(one.train());
    assertThat(two.validation()).isEqualTo(one.validation());
    assertThat(one.validation().examples()).isBetween(20L, 60L);
    assertThat(prepare(sft("data.validation_fraction=0.2"))).isEqualTo(two);
    assertThatThrownBy(() -> prepare(sft("data.validation_fraction=0.3")))
        .hasMessageContaining("prepared with other settings");
  }

  @Test
  void holdsAllAnswersToOnePromptOut() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      lines.add("{\"prompt\":\"p%d \",\"completion\":\"a%d\"}".formatted(i / 4, i));
    }
    write("data.jsonl", lines.toArray(String[]::new));
    prepare(sft("data.validation_fraction=0.3"));

    Set<String> train = prompts(Part.TRAIN);
    Set<String> validation = prompts(Part.VALIDATION);
    assertThat(validation).isNotEmpty();
    assertThat(train).doesNotContainAnyElementsOf(validation);
    assertThat(train.size() + validation.size()).isEqualTo(50);
  }

  @Test
  void limitsTheNumberOfExamples() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      lines.add(good(i));
    }
    write("data.jsonl", lines.toArray(String[]::new));
    ExampleManifest manifest = prepare(sft("data.max_examples=10"));

    assertThat(manifest.counts().kept()).isEqualTo(10);
    assertThat(manifest.counts().overLimit()).isEqualTo(40);
    assertThat(manifest.train().examples() + manifest.validation().examples()).isEqualTo(10);
  }

  @Test
  void readsParquetAndTablesLikeLines() throws IOException {
    write("data.jsonl", good(1), good(2), good(3));
    String source = folder.resolve("source").toString();
    spark.read().json(source).write().parquet(folder.resolve("parquet").toUri().toString());
    spark.read().json(source).createOrReplaceTempView("instructions");

    prepare(sft());
    List<Example> lines = examples(Part.TRAIN);
    for (String other : List.of(folder.resolve("parquet").toString(), "table:instructions")) {
      ExampleStageConfig config =
          sft("data.source=" + other, "data.path=" + folder.resolve("other-" + other.length()));
      prepare(config);
      assertThat(new HashSet<>(examples(config, Part.TRAIN))).isEqualTo(new HashSet<>(lines));
    }
    assertThatThrownBy(
            () -> prepare(sft("data.source=table:nothing", "data.path=" + folder.resolve("t"))))
        .hasMessageContaining("must name a table or view of Spark's catalog after table:");
  }

  @Test
  void readsParquetWhateverItsOtherColumnsAre() throws IOException {
    String texts = "required binary prompt (STRING); required binary completion (STRING); ";
    parquet("plain.parquet", texts, row -> {});
    parquet("truth.parquet", texts + "required boolean good;", row -> row.add("good", true));
    parquet(
        "times.parquet",
        texts
            + "required int64 at (TIMESTAMP(NANOS,true)); required int32 clock (TIME(MILLIS,true));",
        row -> row.append("at", 1L).append("clock", 1));
    parquet("list.parquet", texts + "repeated double scores;", row -> row.add("scores", 0.5));
    parquet("case.parquet", texts + "required binary Prompt (STRING);", r -> r.add("Prompt", "P"));

    assertThat(prepare(sft()).counts().kept()).as("distinct by their fields").isEqualTo(5);
    assertThat(examples(Part.TRAIN))
        .extracting(example -> example.fields().toString())
        .anyMatch(fields -> fields.contains("\"good\":true"))
        .anyMatch(fields -> fields.contains("\"scores\":[0.5]"))
        .anyMatch(fields -> fields.contains("\"Prompt\":\"P\""))
        .noneMatch(fields -> fields.contains("clock"));
    assertThat(said).contains("Columns of types that Spark does not read are left out: at, clock");

    parquet("number.parquet", texts + "required int32 good;", row -> row.add("good", 1));
    assertThatThrownBy(() -> prepare(sft()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "a column of data.source must have one type, got \"good\" as int, and as boolean in "
                + folder.resolve("source/truth.parquet")
                + ": write the files with one type, or name those that have it");
  }

  @Test
  void readsLabelsFromParquet() throws IOException {
    parquet(
        "labelled.parquet",
        "required binary prompt (STRING); required binary completion (STRING); required boolean label;",
        row -> row.add("label", true));

    DpoConfig kto = config(DpoConfig.class, "preference.loss=kto");
    assertThat(prepare(kto).counts().kept()).isEqualTo(1);
    assertThat(examples(kto, Part.TRAIN).get(0).fields().path("label").asBoolean()).isTrue();
  }

  @Test
  void readsJsonOfAnySizeAndDepth() throws IOException {
    int length = 21_000_000;
    String deep = "[".repeat(100_000) + "]".repeat(100_000);
    write(
        "data.jsonl",
        "{\"prompt\":\"a\",\"completion\":\"b\",\"other\":" + deep + "}",
        "{\"prompt\":\"a\",\"completion\":\"c\",\"other\":\"" + "x".repeat(length) + "\"}");

    assertThat(prepare(sft()).counts().kept()).isEqualTo(2);
    assertThat(examples(Part.TRAIN))
        .extracting(example -> example.fields().path("other").asText().length())
        .containsExactlyInAnyOrder(0, length);
  }

  @Test
  void aLineEndsWithItsRecord() throws IOException {
    write("data.jsonl", good(1) + good(2), good(3));

    ExampleManifest.Counts counts = prepare(sft("data.max_bad_fraction=0.5")).counts();

    assertThat(counts.bad()).isEqualTo(Map.of("broken JSON", 1L));
    assertThat(counts.first().get("broken JSON"))
        .startsWith("data.jsonl line 1: a line must end with its object, got {");
  }

  @Test
  void readsPreferencesAndPromptsWithTheirFields() throws IOException {
    write(
        "data.jsonl", "{\"prompt\":\"p\",\"chosen\":\"good\",\"rejected\":\"bad\",\"margin\":0.5}");
    ExampleStageConfig dpo = config(DpoConfig.class);
    prepare(dpo);
    Example pair = examples(dpo, Part.TRAIN).get(0);
    assertThat(pair.documents()).hasSize(2);
    assertThat(BYTES.decode(pair.documents().get(0).tokens())).isEqualTo("pgood<|endoftext|>");
    assertThat(pair.fields().path("margin").asDouble()).isEqualTo(0.5);

    write("data.jsonl", "{\"question\":\"1+1?\",\"answer\":\"2\"}");
    ExampleStageConfig ppo =
        config(
            PpoConfig.class,
            "data.columns=prompt=question",
            "data.path=" + folder.resolve("prompts"),
            "rollouts.max_tokens=16");
    prepare(ppo);
    Example prompt = examples(ppo, Part.TRAIN).get(0);
    assertThat(prompt.documents().get(0).trainedCount()).isZero();
    assertThat(prompt.fields().path("answer").asText()).isEqualTo("2");
  }

  @Test
  void refusesAnIdenticalPairAndATemplateThatFails() throws IOException {
    write("data.jsonl", "{\"prompt\":\"p\",\"chosen\":\"x\",\"rejected\":\"x\"}");
    assertThatThrownBy(() -> prepare(config(DpoConfig.class)))
        .hasMessageContaining("1 identical pair (data.jsonl line 1: ");

    Path template = Files.writeString(folder.resolve("bad.jinja"), "{% if %}");
    write("data.jsonl", good(0));
    assertThatThrownBy(() -> prepare(sft("data.template=" + template)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("bad.jinja");
    assertThatThrownBy(() -> prepare(sft("data.template=nonesuch")))
        .hasMessageContaining("nonesuch");
  }

  /** A file of lines beside it is read as lines. */
  @Test
  void readsAnArrayOfRecordsAndSaysWhereABadOneBegins() throws IOException {
    write(
        "array.json",
        "\ufeff[",
        "  {\"prompt\": \"a \", \"completion\": \"b\"}, {\"prompt\": \"c \",",
        "    \"completion\": \"[d] {e}\"},",
        "  {",
        "    \"prompt\": \"f\"",
        "  },",
        "  7",
        "]");
    write("lines.json", good(1), good(2));

    ExampleManifest.Counts counts = prepare(sft("data.max_bad_fraction=1")).counts();

    assertThat(counts.read()).isEqualTo(6);
    assertThat(counts.kept()).isEqualTo(4);
    assertThat(counts.bad()).isEqualTo(Map.of("missing field", 1L, "broken JSON", 1L));
    assertThat(counts.first().get("missing field")).startsWith("array.json line 4: ");
    assertThat(counts.first().get("broken JSON"))
        .isEqualTo("array.json line 7: a record must be an object, got 7");
    assertThat(examples(sft("data.max_bad_fraction=1"), Part.TRAIN))
        .extracting(example -> BYTES.decode(example.documents().get(0).tokens()))
        .contains("a b<|endoftext|>", "c [d] {e}<|endoftext|>");
  }

  @Test
  void readsACompressedArray() throws IOException {
    Path source = Files.createDirectories(folder.resolve("source"));
    try (OutputStream out =
        new GZIPOutputStream(Files.newOutputStream(source.resolve("array.json.gz")))) {
      out.write(("[" + good(1) + ",\n" + good(2) + "]\n").getBytes(StandardCharsets.UTF_8));
    }
    assertThat(prepare(sft()).counts().kept()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[{'prompt': 'a', 'completion': b}]|Unrecognized token 'b'|1",
        "[{'prompt': 'a',\\n 'completion': 'b'},\\n{'prompt':|Unexpected end|3",
        "[{'prompt': 'a', 'completion': 'b'}]\\n\\n{}|something after its end|3",
      })
  void refusesAnArrayThatIsBroken(String text, String got, int line) throws IOException {
    Files.writeString(
        Files.createDirectories(folder.resolve("source")).resolve("array.json"),
        text.replace('\'', '"').replace("\\n", "\n"));

    assertThatThrownBy(() -> prepare(sft("data.max_bad_fraction=1")))
        .rootCause()
        .isInstanceOf(UserException.class)
        .hasMessageContaining("/source/array.json begins with [ and must be one JSON array")
        .hasMessageContaining("got " + got)
        .hasMessageContaining("at line " + line + ": correct it, or write one record a line");
    assertThat(folder.resolve("examples/manifest.json")).doesNotExist();
  }

  private static String good(int i) {
    return "{\"prompt\":\"question %d \",\"completion\":\"answer %d\"}".formatted(i, i);
  }

  private void write(String name, String... lines) throws IOException {
    Path source = Files.createDirectories(folder.resolve("source"));
    Files.write(source.resolve(name), Arrays.asList(lines));
  }

  /** A file of one row: a prompt, a completion and further columns. */
  private void parquet(String name, String columns, Consumer<Group> more) throws IOException {
    MessageType type = MessageTypeParser.parseMessageType("message m { " + columns + " }");
    Group row = new SimpleGroupFactory(type).newGroup();
    more.accept(row.append("prompt", "question").append("completion", "answer"));
    Path source = Files.createDirectories(folder.resolve("source"));
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(new org.apache.hadoop.fs.Path(source.resolve(name).toUri()))
            .withConf(new Configuration(false))
            .withType(type)
            .build()) {
      writer.write(row);
    }
  }

  private ExampleStageConfig sft(String... more) {
    return config(SftConfig.class, more);
  }

  private <C extends Record & StageConfig> C config(Class<C> root, String... more) {
    List<String> overrides = new ArrayList<>();
    overrides.add("model.from=" + shared.resolve("model"));
    overrides.add("data.source=" + folder.resolve("source"));
    overrides.add("data.path=" + folder.resolve("examples"));
    overrides.add("data.validation_fraction=0");
    if (root == PpoConfig.class) {
      overrides.add("rewards.functions=length");
    }
    overrides.addAll(List.of(more));
    return StartingModel.resolve(ConfigLoader.draft(root, overrides), new Configuration());
  }

  private ExampleManifest prepare(ExampleStageConfig config) {
    return ExampleJob.run(spark, config, false, said::add);
  }

  private List<Example> examples(Part part) {
    return examples(sft(), part);
  }

  private static List<Example> examples(ExampleStageConfig config, Part part) {
    return ExampleDataset.open(
            new org.apache.hadoop.fs.Path(config.dataFolder()), part, new Configuration())
        .examples();
  }

  private Set<String> prompts(Part part) {
    Set<String> prompts = new HashSet<>();
    for (Example example : examples(part)) {
      TrainedTokens document = example.documents().get(0);
      prompts.add(BYTES.decode(Arrays.copyOf(document.tokens(), document.firstTrained())));
    }
    return prompts;
  }
}

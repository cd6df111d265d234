package dev.firesteel.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.ExampleFolder;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.train.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectionsTest {
  private static final Configuration HADOOP = new Configuration();
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path trained;
  @TempDir private Path folder;

  @BeforeAll
  static void train() throws IOException {
    TinyRun.prepare(trained);
    PretrainConfig config = TinyRun.config(trained);
    TinyRun.train(config);
  }

  private static Path checkpoint() {
    return trained.resolve("runs/tiny/checkpoints/step-00000012");
  }

  @Test
  void aRunHasItsCheckpointsAndTheTensorsOfTheLast() throws IOException {
    Inspection run = inspect(trained.resolve("runs/tiny"));

    assertThat(run.kind()).isEqualTo("run directory");
    assertThat(run.passed()).as("%s", run.checks()).isTrue();
    assertThat(run.checks().stream().map(Check::name))
        .containsExactly("complete", "checksums", "finite", "shapes", "tied tensors", "tokenizer");
    JsonNode json = JSON.readTree(run.toJson());
    assertThat(json.path("tables").path("checkpoints")).hasSize(3);
    assertThat(json.path("tables").path("checkpoints").path(2).path("step").asInt()).isEqualTo(12);
    JsonNode tensors = json.path("tables").path("tensors_of_model.safetensors");
    assertThat(tensors.findValuesAsText("name")).contains("transformer.wte.weight");
    // An embedding of V x 16, positions of 8 x 16, one layer, and the norms.
    int vocabulary = json.path("facts").path("vocabulary_size").asInt();
    assertThat(json.path("facts").path("parameters").asInt())
        .isEqualTo(16 * (vocabulary + 8 + 2) + 12 * 16 * 16 + 13 * 16);
    assertThat(String.join("\n", InspectionText.lines(run)))
        .contains("run directory", "transformer.wte.weight", "ok      checksums: ");
  }

  @Test
  void aDamagedCheckpointFailsItsChecksum() throws IOException {
    Path copy = copy(checkpoint());
    Path model = copy.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(model);
    bytes[bytes.length - 1] = 0x7f;
    bytes[bytes.length - 2] = (byte) 0xc0; // a NaN
    Files.write(model, bytes);

    Inspection inspection = inspect(copy);

    assertThat(inspection.kind()).isEqualTo("checkpoint");
    assertThat(failed(inspection)).containsOnlyKeys("checksums", "finite");
    assertThat(failed(inspection).get("checksums")).contains("model.safetensors");
    assertThat(failed(inspection).get("finite")).contains("has 1 NaN and 0 infinite");
  }

  @Test
  void aModelWhoseTensorsAreOthersThanItsConfigurationSaysFails() throws IOException {
    Path copy = copy(checkpoint());
    Files.delete(copy.resolve("MANIFEST.json"));
    Path config = copy.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replaceFirst("\"n_inner\" : 64", "\"n_inner\" : 32"));

    Inspection inspection = inspect(copy);

    assertThat(inspection.kind()).isEqualTo("model directory");
    assertThat(failed(inspection)).containsOnlyKeys("shapes");
    assertThat(failed(inspection).get("shapes"))
        .contains("transformer.h.0.mlp.c_fc.weight must have the shape [16, 32], got [16, 64]");
  }

  @Test
  void aTiedHeadThatIsNotTheEmbeddingFails() throws IOException {
    Path copy = copy(checkpoint());
    Files.delete(copy.resolve("MANIFEST.json"));
    Inspection whole = inspect(copy);
    String shape =
        (String)
            whole.tables().get(0).rows().stream()
                .filter(row -> row.get(0).equals("transformer.wte.weight"))
                .findFirst()
                .orElseThrow()
                .get(2);
    int rows = Integer.parseInt(shape.replaceAll("\\[(\\d+),.*", "$1"));
    StoredTensor.write(
        copy.resolve("model-00002-of-00002.safetensors"),
        Map.of("lm_head.weight", StoredTensor.ofValues("F32", 1, rows, 16)));
    Files.move(copy.resolve("model.safetensors"), copy.resolve("model-00001-of-00002.safetensors"));
    StringBuilder map =
        new StringBuilder("\"lm_head.weight\":\"model-00002-of-00002.safetensors\"");
    whole
        .tables()
        .get(0)
        .rows()
        .forEach(
            row ->
                map.append(",\"%s\":\"model-00001-of-00002.safetensors\"".formatted(row.get(0))));
    Files.writeString(
        copy.resolve("model.safetensors.index.json"), "{\"weight_map\":{" + map + "}}");

    Inspection inspection = inspect(copy);

    assertThat(failed(inspection)).containsOnlyKeys("tied tensors");
    assertThat(failed(inspection).get("tied tensors"))
        .contains("transformer.wte.weight and lm_head.weight must be equal");
    assertThat(fact(inspection, "parameters")).isEqualTo(fact(whole, "parameters"));
  }

  @Test
  void aFileOfTensorsHasTheirStatistics() throws IOException {
    Path file = folder.resolve("x.safetensors");
    StoredTensor.write(
        file,
        new TreeMap<>(
            Map.of(
                "a\\u001b[31m", StoredTensor.of("BF16", new float[] {1, 0, -3, 2}, 2, 2),
                "b", StoredTensor.zeros("I64", 3))));

    Inspection inspection = inspect(file);

    assertThat(inspection.kind()).isEqualTo("safetensors file");
    JsonNode rows = JSON.readTree(inspection.toJson()).path("tables").path("tensors");
    assertThat(rows.path(0).path("min").asDouble()).isEqualTo(-3);
    assertThat(rows.path(0).path("zeros").asDouble()).isEqualTo(0.25);
    assertThat(rows.path(1).path("type").asText()).isEqualTo("I64");
    assertThat(rows.path(1).path("mean").isNull()).isTrue();
    assertThat(String.join("\n", InspectionText.lines(inspection)))
        .contains("a\\u001b[31m", "without 1 whose types have no statistics")
        .doesNotContain("\u001b");
  }

  @Test
  void preparedDataHasItsShards() throws IOException {
    Inspection data = inspect(trained.resolve("data"));

    assertThat(data.kind()).isEqualTo("prepared data");
    assertThat(data.passed()).as("%s", data.checks()).isTrue();
    JsonNode shards = JSON.readTree(data.toJson()).path("tables").path("shards");
    assertThat(shards.findValuesAsText("shard")).containsExactly("train-00000", "validation-00000");
    assertThat(shards.path(0).path("tokens").asInt()).isEqualTo(900);
    assertThat(shards.path(0).path("greatest_id").asLong())
        .isLessThan((Long) fact(data, "vocabulary size"));

    Inspection shard = inspect(trained.resolve("data/validation-00000.bin"));
    assertThat(shard.kind()).isEqualTo("token shard");
    assertThat(shard.tables().get(0).rows().get(0)).isEqualTo(data.tables().get(0).rows().get(1));
  }

  @Test
  void aChangedShardFails() throws IOException {
    Path copy = copy(trained.resolve("data"));
    Path shard = copy.resolve("train-00000.bin");
    byte[] bytes = Files.readAllBytes(shard);
    bytes[10] ^= 1;
    Files.write(shard, bytes);
    Files.deleteIfExists(copy.resolve("_verified"));

    assertThat(failed(inspect(copy)).get("hashes")).contains("SHA-256");
  }

  @Test
  void preparedExamplesHaveTheirCounts() throws IOException {
    Example example =
        new Example(
            List.of(new TrainedTokens(new int[] {1, 2, 300}, new boolean[] {false, true, true})),
            JSON.createObjectNode());
    ExampleFolder.write(
        new org.apache.hadoop.fs.Path(folder.toUri()),
        ExampleKind.SFT,
        BpeTokenizer.bytes(),
        List.of(example),
        List.of(),
        HADOOP);

    Inspection inspection = inspect(folder);

    assertThat(inspection.kind()).isEqualTo("prepared examples");
    assertThat(inspection.tables().get(0).rows().get(0).subList(0, 5))
        .containsExactly("train", 1L, 1L, 3L, 2L);
    assertThat(failed(inspection)).containsOnlyKeys("ids");
    assertThat(failed(inspection).get("ids"))
        .isEqualTo("1 of 3 tokens are not below the vocabulary size 257");
  }

  @Test
  void aTokenizerHasItsVocabulary() throws IOException {
    Path file = Files.writeString(folder.resolve("some.json"), BpeTokenizer.bytes().toJson());

    Inspection inspection = inspect(file);

    assertThat(inspection.kind()).isEqualTo("tokenizer");
    assertThat(fact(inspection, "vocabulary size")).isEqualTo(257L);
    assertThat(inspection.tables().get(0).rows().get(0))
        .containsExactly(256L, "<|endoftext|>", "ends a document");
    assertThat(inspection.passed()).isTrue();
  }

  @Test
  void otherFilesAreRefusedWithTheKindsThatThereAre() throws IOException {
    Path file = Files.writeString(folder.resolve("note.txt"), "x");

    assertThatThrownBy(() -> inspect(file))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must be one of run directory, checkpoint, prepared data, ")
        .hasMessageContaining("got something else");
    assertThatThrownBy(() -> inspect(folder.resolve("nothing")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("got nothing of that name");
  }

  private static Inspection inspect(Path path) {
    return Inspections.inspect(new org.apache.hadoop.fs.Path(path.toString()), HADOOP);
  }

  private static Object fact(Inspection inspection, String name) {
    return inspection.facts().stream()
        .filter(fact -> fact.name().equals(name))
        .findFirst()
        .orElseThrow()
        .value();
  }

  private static Map<String, String> failed(Inspection inspection) {
    Map<String, String> failed = new TreeMap<>();
    inspection.checks().stream()
        .filter(check -> !check.passed())
        .forEach(check -> failed.put(check.name(), check.detail()));
    return failed;
  }

  private Path copy(Path from) throws IOException {
    Path to = folder.resolve("copy");
    try (var files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
    return to;
  }
}

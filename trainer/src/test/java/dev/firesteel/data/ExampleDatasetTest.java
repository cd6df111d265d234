package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prepared examples: their lines, their folder and their order. */
class ExampleDatasetTest {
  private static final String FILE = "train-00000.jsonl";

  @TempDir private Path folder;

  private static Example example(int first, int length) {
    int[] tokens = new int[length];
    boolean[] trained = new boolean[length];
    for (int i = 0; i < length; i++) {
      tokens[i] = first + i;
      trained[i] = i % 3 != 0;
    }
    return new Example(
        List.of(new TrainedTokens(tokens, trained), new TrainedTokens(tokens, new boolean[length])),
        JsonNodeFactory.instance.objectNode().put("margin", 0.5).put("answer", "ä"));
  }

  private static List<Example> examples(int count) {
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      examples.add(example(10 * i, 1 + i % 7));
    }
    return examples;
  }

  private void write(List<Example> examples) throws IOException {
    StringBuilder lines = new StringBuilder();
    examples.forEach(example -> lines.append(ExampleLine.write(example)).append('\n'));
    byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
    Files.write(folder.resolve(FILE), bytes);
    String sha256 = HexFormat.of().formatHex(HadoopFiles.sha256().digest(bytes));
    new ExampleManifest(
            ExampleManifest.VERSION,
            "examples",
            "none",
            "00",
            new DatasetManifest.Inputs(1, 10, "11"),
            new DatasetManifest.TokenizerInfo("tokenizer.json", "22", 300),
            "",
            new ExampleManifest.Counts(0, 0, Map.of(), Map.of(), 0, 0, Map.of()),
            new ExampleManifest.SplitInfo(
                examples.size(),
                0,
                0,
                0,
                0,
                List.of(
                    new ExampleManifest.FileEntry(FILE, examples.size(), bytes.length, sha256))),
            new ExampleManifest.SplitInfo(0, 0, 0, 0, 0, List.of()))
        .write(path(), Fixture.CONF);
  }

  private org.apache.hadoop.fs.Path path() {
    return new org.apache.hadoop.fs.Path(folder.toString());
  }

  private ExampleDataset open() {
    return ExampleDataset.open(path(), Part.TRAIN, Fixture.CONF);
  }

  // ---- lines

  @Test
  void aLineIsReadAsItWasWritten() throws JsonProcessingException {
    for (Example example : examples(8)) {
      assertThat(ExampleLine.parse(ExampleLine.write(example))).isEqualTo(example);
    }
    assertThat(ExampleLine.write(example(5, 6)))
        .isEqualTo(
            "{\"documents\":[{\"tokens\":[5,6,7,8,9,10],\"trained\":[[1,3],[4,6]]},"
                + "{\"tokens\":[5,6,7,8,9,10],\"trained\":[]}],"
                + "\"fields\":{\"margin\":0.5,\"answer\":\"ä\"}}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "5",
        "{}",
        "{\"documents\":[],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[]}],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[1]}]}",
        "{\"documents\":[{\"tokens\":[\"a\"]}],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[-1]}],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[1,2],\"trained\":[[1,3]]}],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[1,2],\"trained\":[[2,1]]}],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[1,2],\"trained\":[[1]]}],\"fields\":{}}",
        "{\"documents\":[{\"tokens\":[1,2],\"trained\":[1]}],\"fields\":{}}",
      })
  void refusesALineThatIsNoExample(String line) throws IOException {
    assertThatThrownBy(() -> ExampleLine.parse(line)).isInstanceOf(IllegalArgumentException.class);
    write(examples(2));
    Files.writeString(folder.resolve(FILE), line + "\n");
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageEndingWith(
            FILE + ": has a line that is no example; delete their folder and run the stage again");
  }

  // ---- files

  @Test
  void examplesAreInTheOrderOfTheirFiles() throws IOException {
    write(examples(9));
    ExampleDataset read = open();
    assertThat(read.examples()).isEqualTo(examples(9));
    assertThat(read.size()).isEqualTo(9);
    assertThat(read.get(3)).isEqualTo(examples(9).get(3));
    assertThat(ExampleDataset.open(path(), Part.VALIDATION, Fixture.CONF).size()).isZero();
  }

  @Test
  void refusesAFileThatWasChanged() throws IOException {
    write(examples(3));
    Path file = folder.resolve(FILE);
    Files.writeString(file, Files.readString(file).replace("0.5", "0.6"));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("the prepared examples ")
        .hasMessageContaining(FILE + ": must have the SHA-256 ")
        .hasMessageEndingWith("; delete their folder and run the stage again");
  }

  @Test
  void refusesAManifestThatNamesAFileElsewhere() throws IOException {
    write(examples(3));
    Path manifest = folder.resolve(ExampleManifest.FILE_NAME);
    String valid = Files.readString(manifest);
    for (String name : List.of("../" + FILE, "hdfs:x.jsonl", "/etc/passwd")) {
      Files.writeString(manifest, valid.replace(FILE, name));
      assertThatThrownBy(this::open)
          .isInstanceOf(UserException.class)
          .hasMessageContaining("must name files in its own folder, got \"" + name + "\": ");
    }
  }

  @Test
  void refusesAFileThatWasCut() throws IOException {
    write(examples(3));
    Path file = folder.resolve(FILE);
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 20));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining(FILE + ": has a line that is no example");
  }

  @Test
  void refusesAFolderWithoutAFileOrAManifest() throws IOException {
    write(examples(3));
    Files.delete(folder.resolve(FILE));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining(FILE + ": is missing");
    Files.delete(folder.resolve(ExampleManifest.FILE_NAME));
    Files.deleteIfExists(folder.resolve("." + ExampleManifest.FILE_NAME + ".crc"));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must hold prepared examples, got no manifest.json there");
  }

  @Test
  void refusesAManifestOfAnotherVersionOrKind() throws IOException {
    write(examples(1));
    Path file = folder.resolve(ExampleManifest.FILE_NAME);
    String text = Files.readString(file);
    Files.deleteIfExists(folder.resolve("." + ExampleManifest.FILE_NAME + ".crc"));
    Files.writeString(file, text.replaceFirst("\"version\" : 1", "\"version\" : 9"));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageEndingWith(
            "manifest.json must have version 1, got 9: prepare the examples again");
    Files.writeString(file, "[1]");
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must be the manifest of prepared examples, got something else");
  }

  // ---- order

  @Test
  void anEpochHasEachExampleOnce() throws IOException {
    write(examples(10));
    ExampleOrder order = new ExampleOrder(open(), 3);
    List<Example> first = order.read(0, 10);
    List<Example> second = order.read(10, 10);
    assertThat(first).containsExactlyInAnyOrderElementsOf(examples(10));
    assertThat(second).containsExactlyInAnyOrderElementsOf(examples(10)).isNotEqualTo(first);
    List<Example> across = new ArrayList<>(first.subList(7, 10));
    across.addAll(second.subList(0, 4));
    assertThat(order.read(7, 7)).isEqualTo(across);
    assertThat(open().get(order.index(13))).isEqualTo(second.get(3));
    assertThat(new ExampleOrder(open(), 4).read(0, 10)).isNotEqualTo(first);
  }

  @Test
  void countsTokensOfAllDocuments() {
    List<Example> examples = examples(3);
    assertThat(ExampleOrder.tokens(examples)).isEqualTo(2 * (1 + 2 + 3));
    assertThat(ExampleOrder.documents(examples))
        .hasSize(6)
        .startsWith(examples.get(0).documents().get(0), examples.get(0).documents().get(1));
  }
}

package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.ZstdOutputStream;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.DocumentCounts;
import dev.firesteel.error.UserException;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.session.SparkSessions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Inputs as other people's tools leave them: read, counted or refused, and never lost silently. */
class PrepareOddInputsTest {
  private static SparkSessions.OpenSession open;
  private static SparkSession spark;

  @TempDir Path folder;
  private Path source;
  private int runs;

  @BeforeAll
  static void start() {
    open =
        SparkSessions.open(
            "test",
            Map.of(
                "spark.default.parallelism",
                "2",
                // What a cluster may have set must not lose files.
                "spark.sql.files.ignoreCorruptFiles",
                "true",
                "spark.sql.files.ignoreMissingFiles",
                "true"));
    spark = open.session();
  }

  @AfterAll
  static void stop() {
    open.close();
  }

  @BeforeEach
  void folders() throws IOException {
    source = Files.createDirectory(folder.resolve("source"));
  }

  @Test
  void eachLineOfJsonIsInOneCount() throws IOException {
    write(
        "a.jsonl",
        "\uFEFF{\"text\": \"sound\"}",
        "{\"text\": \"one\"}{\"text\": \"two\"}",
        "{\"text\": \"trailing\"} more",
        "{\"text\": \"caf\u00e9\"}",
        "",
        "{\"text\": 1.50}",
        "{\"text\": \"half \\ud83d\"}",
        "{\"other\": " + "[".repeat(1_500) + "]".repeat(1_500) + ", \"text\": \"deep\"}",
        "{\"text\": \"sound\"}");
    Files.write(
        source.resolve("latin1.jsonl"),
        "{\"text\": \"caf\u00e9\"}\n".getBytes(StandardCharsets.ISO_8859_1));

    assertThat(prepare().documents()).isEqualTo(new DocumentCounts(10, 1, 3, 1, 1, 0, 4));
  }

  @Test
  void anyFieldMayHoldTheText() throws IOException {
    write("a.jsonl", "{\"__corrupt_record\": \"a\", \"a.b\": \"b\", \"`\": \"c\"}");

    for (String field : new String[] {"__corrupt_record", "a.b", "'`'"}) {
      assertThat(prepare("data.text_field=" + field).documents().kept()).as(field).isEqualTo(1);
    }
  }

  @Test
  void aLongTextIsKept() throws IOException {
    int length = 21_000_000;
    write("a.jsonl", "{\"text\": \"" + "x".repeat(length) + "\"}");

    assertThat(prepare().train().textBytes()).isEqualTo(length);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[{\"text\": \"a\"}, {\"text\": \"b\"}]",
        "[\n{\"text\": \"a\"},\n{\"text\": \"b\"}\n]\n",
        "\n  [\n  {\n    \"text\": \"a\"\n  }\n]\n",
      })
  void aFileThatIsOneArrayIsRefused(String array) throws IOException {
    write("a.json", "{\"text\": \"sound\"}");
    write("b.json", array);

    refused()
        .hasMessage(
            source.resolve("b.json")
                + " must hold one JSON object a line, got an array: write its objects a line each"
                + " (jq -c '.[]' turns one into the other)");
  }

  @Test
  void theByteOrderMarkIsNoText() throws IOException {
    Files.writeString(source.resolve("a.txt"), "\uFEFFab");

    for (String unit : new String[] {"file", "line"}) {
      DatasetManifest manifest = prepare("tokenizer.kind=char", "data.document_unit=" + unit);
      assertThat(manifest.tokenizer().vocabularySize()).as(unit).isEqualTo(2);
      assertThat(manifest.train().textBytes()).as(unit).isEqualTo(2);
    }
  }

  @Test
  void readsWhatToolsCompress() throws IOException {
    byte[] text = "one\ntwo\n".getBytes(StandardCharsets.UTF_8);
    for (Tool tool : TOOLS) {
      byte[] bytes = tool.compress(text);
      byte[] empty = tool.compress(new byte[0]);
      Files.write(source.resolve("a.txt" + tool.ending), bytes);
      Files.write(source.resolve("empty.txt" + tool.ending), empty);
      // Parts that were joined.
      ByteArrayOutputStream joined = new ByteArrayOutputStream();
      joined.write(bytes);
      joined.write(tool.compress("three\n".getBytes(StandardCharsets.UTF_8)));
      Files.write(source.resolve("joined.txt" + tool.ending), joined.toByteArray());
    }
    int tools = TOOLS.size();

    assertThat(prepare("data.document_unit=line").documents())
        .isEqualTo(new DocumentCounts(5L * tools, 0, 0, 0, 5L * tools - 3, 0, 3));
    assertThat(prepare("data.document_unit=file").documents())
        .isEqualTo(new DocumentCounts(3L * tools, tools, 0, 0, 2L * tools - 2, 0, 2));
  }

  @Test
  void namesACompressedFileThatCannotBeRead() throws IOException {
    write("sound.txt", "sound");
    byte[] text = "some text, and more of it\n".repeat(50).getBytes(StandardCharsets.UTF_8);
    for (Tool tool : TOOLS) {
      byte[] whole = tool.compress(text);
      byte[] flipped = whole.clone();
      flipped[whole.length / 2] ^= 0x10;
      Map<String, byte[]> damaged =
          Map.of(
              "cut",
              Arrays.copyOf(whole, whole.length - 5),
              "short",
              Arrays.copyOf(whole, 3),
              "flipped",
              flipped,
              "plain",
              text);
      for (Map.Entry<String, byte[]> each : damaged.entrySet()) {
        Path file = source.resolve(each.getKey() + " 100%.txt" + tool.ending);
        Files.write(file, each.getValue());
        for (String unit : new String[] {"file", "line"}) {
          refused("data.document_unit=" + unit)
              .as("%s, %s", file, unit)
              .hasMessageMatching(
                  Pattern.quote(file.toString())
                      + " must be undamaged and of the format that its extension names, got a file"
                      + " that cannot be read to its end \\(.+\\): download it again");
        }
        Files.delete(file);
      }
    }
  }

  @Test
  void refusesFilesThatWouldBeReadAsNoise() throws IOException {
    write("sound.txt", "sound");
    for (String name : new String[] {"a.tar", "a.tar.gz", "a.txt.xz", "a.zip", "a.7z"}) {
      write(name, "x");
      refused()
          .hasMessage(
              source.resolve(name)
                  + " cannot be read: unpack it, and compress the text with gzip or zstd if it"
                  + " should stay small");
      Files.delete(source.resolve(name));
    }
    write("a.TXT.GZ", "x");
    refused()
        .hasMessage(
            source.resolve("a.TXT.GZ")
                + " cannot be read, because Hadoop recognizes compressed files by lower-case extensions:"
                + " rename it");
    Files.delete(source.resolve("a.TXT.GZ"));
    Files.createFile(source.resolve("a.jsonl.gz"));
    refused()
        .hasMessage(
            source.resolve("a.jsonl.gz")
                + " must hold compressed text, got a file of 0 bytes: download it again or delete it");
  }

  @Test
  void readsFilesWhoseNamesHoldAColon() throws IOException {
    write("12:30.txt", "one");
    write("a:b/c:d.txt", "two");
    write("odd [name]*.txt", "three");

    assertThat(prepare().documents().kept()).isEqualTo(3);
    assertThat(prepare("data.source=" + source.resolve("12:30.txt")).documents().kept())
        .isEqualTo(1);
    Map<String, Integer> globs = Map.of("*.txt", 2, "12:*.txt", 1, "*/c:d.txt", 1, "{12,a}:*", 2);
    for (Map.Entry<String, Integer> glob : globs.entrySet()) {
      String pattern = glob.getKey();
      assertThat(prepare("data.source=" + source.resolve(pattern)).documents().kept())
          .as(pattern)
          .isEqualTo(glob.getValue().longValue());
    }
    refused("data.source=" + source.resolve("no:*.txt")).hasMessageContaining("does not exist");
    Path here = Files.writeString(Path.of("12:30 %s.txt".formatted(UUID.randomUUID())), "here");
    try {
      assertThat(prepare("data.source=" + here).documents().kept()).isEqualTo(1);
    } finally {
      Files.delete(here);
    }
    write("12:30 [a].txt", "four");
    refused()
        .hasMessage(
            source.resolve("12:30 [a].txt")
                + " cannot be read, because Hadoop accepts no name with both a colon and one of {}[]*?\\:"
                + " rename it");
  }

  @Test
  void refusesAFileThatSparkWouldLeaveOut() throws IOException {
    for (String name : new String[] {"_a.txt", ".a.txt", "a.txt._COPYING_"}) {
      write(name, "x");
      refused("data.source=" + source.resolve(name))
          .hasMessage(
              source.resolve(name)
                  + " cannot be read, because Spark skips files whose names begin with _ or a dot"
                  + " or end with ._COPYING_: rename it");
    }
    write("_folder/a.txt", "x");
    assertThat(prepare("data.source=" + source.resolve("_folder")).documents().kept()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"[a", "{a,b", "x[a-"})
  void refusesABrokenGlob(String glob) throws IOException {
    write("a.txt", "x");
    refused("data.source=" + source + "/" + glob)
        .hasMessageMatching(
            "data\\.source .* must be a glob where it has one of .*, got an invalid one: .*: close its brackets, .*");
  }

  @Test
  void refusesALinkThatLeadsNowhere() throws IOException {
    write("sub/a.txt", "x");
    Path link = Files.createSymbolicLink(source.resolve("sub/b.txt"), Path.of("gone.txt"));
    refused("data.source=" + source)
        .hasMessage(
            link
                + " must lead to a file or a folder, got a symbolic link to gone.txt, which does not"
                + " exist: correct it or delete it");

    Files.delete(link);
    // Left out: its name begins with a dot.
    Files.createSymbolicLink(source.resolve(".b.txt"), Path.of("gone.txt"));
    Files.createSymbolicLink(source.resolve("c.txt"), Path.of("sub", "a.txt"));
    assertThat(prepare("data.source=" + source, "data.deduplicate=false").documents().kept())
        .isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {".", "..", "../sub"})
  void refusesALinkToAFolderThatItIsIn(String target) throws IOException {
    write("sub/a.txt", "x");
    Path link = Files.createSymbolicLink(source.resolve("sub/back"), Path.of(target));
    refused("data.source=" + source)
        .hasMessage(
            link
                + " must not lead to a folder that it is in, got a symbolic link to "
                + target
                + ": delete it");
  }

  @ParameterizedTest
  @ValueSource(strings = {"https://example.org/a.jsonl", "HTTP://example.org/a"})
  void refusesAWebAddress(String address) {
    refused("data.source=" + address)
        .hasMessage(
            "data.source must be on a file system, got the web address "
                + address
                + ": download it (curl -LO) and name the file");
  }

  @Test
  void otherColumnsOfParquetDoNotMatter() throws IOException {
    String[] others = {
      "required boolean b",
      "optional group l (LIST) { repeated group list { optional binary element (STRING); } }",
      "optional group m (MAP) { repeated group key_value { required int32 key; optional float value; } }",
      "optional int64 t (TIMESTAMP(NANOS,true))",
      "optional int64 t (TIME(NANOS,true))",
      "optional int96 i",
      "optional binary Text (STRING)",
      "optional binary d (DECIMAL(60,2))",
      "optional fixed_len_byte_array(2) f (FLOAT16)",
      "optional fixed_len_byte_array(12) i (INTERVAL)",
      "optional int64 u (INTEGER(64,false))",
      "repeated binary r (STRING)",
    };
    for (int i = 0; i < others.length; i++) {
      parquet(
          i + ".parquet",
          "message m { optional binary text (STRING); " + statement(others[i]) + " }",
          others[i].startsWith("required") ? "b" : "",
          "text " + i);
    }
    parquet("without.parquet", "message m { optional binary other (STRING); }", "", null);

    assertThat(prepare().documents())
        .isEqualTo(new DocumentCounts(others.length + 1, 0, 0, 1, 0, 0, others.length));
  }

  @Test
  void refusesAColumnThatIsNoText() throws IOException {
    Map<String, String> types =
        Map.of(
            "optional int64 text",
            "int64",
            "optional boolean text",
            "boolean",
            "optional binary text",
            "binary",
            "optional binary text (BSON)",
            "binary (BSON)",
            "optional int64 text (TIMESTAMP(NANOS,true))",
            "int64 (TIMESTAMP(NANOS,true))",
            "optional group text (LIST) { repeated group list { optional binary element (STRING); } }",
            "group (LIST)");
    parquet("0.parquet", "message m { optional binary text (STRING); }", "", "sound");
    Path file = source.resolve("1.parquet");
    for (Map.Entry<String, String> each : types.entrySet()) {
      parquet("1.parquet", "message m { " + statement(each.getKey()) + " }", "", null);
      refused()
          .hasMessage(
              "data.text_field must name a column of text, got \"text\" of type %s in %s",
              each.getValue(), file);
      Files.delete(file);
    }
    Files.writeString(file, "no table");
    refused()
        .hasMessageStartingWith("reading the Parquet file " + file + " failed: ")
        .hasMessageContaining("is not a Parquet file");
  }

  private DatasetManifest prepare(String... settings) {
    List<String> overrides =
        new ArrayList<>(
            List.of(
                "data.source=" + source,
                "data.path=" + folder.resolve("prepared-" + runs++),
                "data.validation_fraction=0",
                "tokenizer.kind=byte"));
    overrides.addAll(List.of(settings));
    return PrepareJob.run(
            spark, ConfigLoader.load(PretrainConfig.class, overrides), false, sentence -> {})
        .manifest();
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(String... settings) {
    return assertThatThrownBy(() -> prepareAsACommand(settings)).isInstanceOf(UserException.class);
  }

  private void prepareAsACommand(String... settings) {
    try {
      prepare(settings);
    } catch (Exception e) { // Spark's own is checked, and undeclared.
      throw UserException.failure(Failures.diagnose(e).sentence(), e);
    }
  }

  private void write(String name, String... lines) throws IOException {
    Path file = source.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, String.join("\n", lines) + "\n");
  }

  /** A group ends without a semicolon. */
  private static String statement(String column) {
    return column.endsWith("}") ? column : column + ";";
  }

  /** A file of one row: this text, and true in a column of truth. */
  private void parquet(String name, String schema, String truth, String text) throws IOException {
    MessageType type = MessageTypeParser.parseMessageType(schema);
    var row = new SimpleGroupFactory(type).newGroup();
    if (text != null) {
      row.add("text", text);
    }
    if (!truth.isEmpty()) {
      row.add(truth, true);
    }
    var file = new org.apache.hadoop.fs.Path(source.resolve(name).toUri());
    try (ParquetWriter<org.apache.parquet.example.data.Group> writer =
        ExampleParquetWriter.builder(file)
            .withConf(new Configuration(false))
            .withType(type)
            .build()) {
      writer.write(row);
    }
  }

  /** A tool that compresses. */
  private record Tool(String ending, Opener opener) {
    byte[] compress(byte[] text) throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (OutputStream out = opener.open(bytes)) {
        out.write(text);
      }
      return bytes.toByteArray();
    }
  }

  private interface Opener {
    OutputStream open(OutputStream out) throws IOException;
  }

  private static final List<Tool> TOOLS =
      List.of(
          new Tool(".gz", GZIPOutputStream::new),
          new Tool(".bz2", BZip2CompressorOutputStream::new),
          new Tool(
              ".zst",
              out -> {
                var zstd = new ZstdOutputStream(out);
                zstd.setChecksum(true); // As the tool does.
                return zstd;
              }),
          new Tool(
              ".lz4",
              out ->
                  new LZ4FrameOutputStream(
                      out,
                      LZ4FrameOutputStream.BLOCKSIZE.SIZE_64KB,
                      LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE,
                      LZ4FrameOutputStream.FLG.Bits.CONTENT_CHECKSUM)));
}

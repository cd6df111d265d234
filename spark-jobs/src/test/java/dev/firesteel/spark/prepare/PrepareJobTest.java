package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.data.TokenEncoding;
import dev.firesteel.error.UserException;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import dev.firesteel.train.TrainingData;
import java.io.ByteArrayOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrepareJobTest {
  private static SparkSessions.OpenSession open;
  private static SparkSession spark;

  @TempDir Path folder;
  private Path source;
  private Path prepared;
  private final List<String> progress = new ArrayList<>();

  @BeforeAll
  static void start() {
    open = SparkSessions.open("test", Map.of("spark.default.parallelism", "3"));
    spark = open.session();
  }

  @AfterAll
  static void stop() {
    open.close();
  }

  @BeforeEach
  void folders() throws IOException {
    source = Files.createDirectory(folder.resolve("source"));
    prepared = folder.resolve("prepared");
  }

  @Test
  void preparesFilesOfText() throws IOException {
    write("b.txt", "two two two");
    write("sub/a.txt", "one öne 😀");
    write("sub/copy.txt", "two two two");
    write("empty.txt", "");
    write("blank.txt", " \r\n\t ");
    write("_hidden.txt", "hidden");
    write(".git/config", "hidden");
    write("odd [name]*.txt", "three");
    Files.write(source.resolve("latin1.txt"), new byte[] {'a', (byte) 0xe9, 'b'});

    DatasetManifest manifest = prepare("tokenizer.kind=byte", "data.validation_fraction=0");

    assertThat(manifest.documents())
        .isEqualTo(new DatasetManifest.DocumentCounts(7, 2, 1, 0, 1, 0, 3));
    assertThat(texts(Part.TRAIN)).containsExactlyInAnyOrder("two two two", "one öne 😀", "three");
    assertThat(manifest.train().documents()).isEqualTo(3);
    assertThat(manifest.train().textBytes()).isEqualTo(11 + 13 + 5);
    assertThat(manifest.train().tokens()).isEqualTo(11 + 13 + 5 + 3);
    assertThat(manifest.validation().shards()).isEmpty();
    assertThat(manifest.tokenizer().vocabularySize()).isEqualTo(257);
    assertThat(manifest.tokenEncoding()).isEqualTo(TokenEncoding.UINT16);
    assertThat(progress)
        .contains(
            "Read 7 documents, dropped 4 (2 empty, 1 malformed, 0 without text field, 1 duplicates,"
                + " 0 over the limit), kept 3");
    try (var files = Files.list(prepared)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "manifest.json", "tokenizer.json", "train-00000.bin", "train-00000.idx");
    }
  }

  @Test
  void readsLinesAndCompressedFiles() throws IOException {
    try (var out = new GZIPOutputStream(Files.newOutputStream(source.resolve("a.txt.gz")))) {
      out.write("one\n\n two\r\nthree\n".getBytes(StandardCharsets.UTF_8));
    }

    DatasetManifest manifest =
        prepare("data.document_unit=line", "tokenizer.kind=byte", "data.validation_fraction=0");

    assertThat(texts(Part.TRAIN)).containsExactlyInAnyOrder("one", " two", "three");
    assertThat(manifest.documents().read()).isEqualTo(4);
    assertThat(manifest.documents().empty()).isEqualTo(1);
  }

  @Test
  void readsJsonLinesAndCountsWhatIsNone() throws IOException {
    write(
        "a.jsonl",
        """
        {"body": "first \\u00e9\\n", "n": 1}

        {"body": ""}
        {"other": "x"}
        {"body": null}
        not json
        {"body": "second"}
        {"body": "first \\u00e9\\n"}
        """);

    DatasetManifest manifest =
        prepare("data.text_field=body", "tokenizer.kind=byte", "data.validation_fraction=0");

    assertThat(manifest.documents())
        .isEqualTo(new DatasetManifest.DocumentCounts(8, 2, 1, 2, 1, 0, 2));
    assertThat(texts(Part.TRAIN)).containsExactlyInAnyOrder("first é\n", "second");
  }

  @Test
  void readsParquet() throws IOException {
    Path table = folder.resolve("table");
    spark
        .range(20)
        .select(functions.format_string("row %d", functions.col("id")).alias("the text"))
        .write()
        .parquet(table.toString());

    prepareFrom(
        table.toString(),
        "data.text_field=the text",
        "tokenizer.kind=byte",
        "data.validation_fraction=0");

    assertThat(texts(Part.TRAIN))
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, 20).mapToObj(i -> "row " + i).toList());
  }

  @Test
  void keepsDuplicatesWhenAskedTo() throws IOException {
    write("a.txt", "same\nsame\nother\n");

    prepare(
        "data.deduplicate=false",
        "data.document_unit=line",
        "tokenizer.kind=byte",
        "data.validation_fraction=0");

    assertThat(texts(Part.TRAIN)).containsExactlyInAnyOrder("same", "same", "other");
  }

  @Test
  void splitsByHashWithoutOverlap() throws IOException {
    String[] lines = lines(2000);
    write("a.txt", String.join("\n", lines));

    DatasetManifest manifest =
        prepare("data.document_unit=line", "tokenizer.kind=byte", "data.validation_fraction=0.1");

    List<String> train = texts(Part.TRAIN);
    List<String> validation = texts(Part.VALIDATION);
    assertThat(manifest.split()).isEqualTo("hash");
    assertThat(train).doesNotContainAnyElementsOf(validation);
    assertThat(train.size() + validation.size()).isEqualTo(2000);
    // Binomial with mean 200 and standard deviation 13.4: five of them.
    assertThat(validation.size()).isBetween(133, 267);
  }

  @Test
  void aDocumentStaysInItsPartWhenOthersJoin() throws IOException {
    String[] lines = lines(300);
    write("a.txt", String.join("\n", Arrays.copyOf(lines, 200)));
    prepare("data.document_unit=line", "tokenizer.kind=byte", "data.validation_fraction=0.2");
    List<String> before = texts(Part.VALIDATION);
    write("a.txt", String.join("\n", lines));
    run(true, "data.document_unit=line", "tokenizer.kind=byte", "data.validation_fraction=0.2");

    assertThat(before).isNotEmpty();
    assertThat(texts(Part.VALIDATION)).containsAll(before);
  }

  @Test
  void cutsTheTailOfFewDocuments() throws IOException {
    write("b.txt", "é23456789");
    write("a.txt", "abcdefghijk");

    DatasetManifest manifest =
        prepare("data.split=tail", "data.validation_fraction=0.25", "tokenizer.kind=char");

    // 20 characters in the order of the paths: the first 15 are training text.
    assertThat(manifest.split()).isEqualTo("tail");
    assertThat(texts(Part.TRAIN)).containsExactly("abcdefghijk", "é234");
    assertThat(texts(Part.VALIDATION)).containsExactly("56789");
  }

  @Test
  void takesTheTailByItselfWhereHashesWouldGiveTooLittle() throws IOException {
    write("a.txt", "x".repeat(99) + "y");

    DatasetManifest manifest = prepare("tokenizer.kind=char");

    assertThat(manifest.split()).isEqualTo("tail");
    assertThat(manifest.train().tokens()).isEqualTo(99);
    assertThat(manifest.validation().tokens()).isEqualTo(1);
    // One document needs no end-of-text token.
    assertThat(manifest.tokenizer().vocabularySize()).isEqualTo(2);
  }

  @Test
  void splitsTinyShakespeareAsNanoGptDoes() throws IOException {
    Path shakespeare = Path.of("..", "..", "shared", "data", "tinyshakespeare.txt");
    assumeThat(shakespeare).as("the text lies beside the project").exists();

    DatasetManifest manifest =
        prepareFrom(
            shakespeare.toString(),
            "data.split=tail",
            "data.validation_fraction=0.1",
            "tokenizer.kind=char");

    assertThat(manifest.tokenizer().vocabularySize()).isEqualTo(65);
    assertThat(manifest.train().tokens()).isEqualTo(1_003_854);
    assertThat(manifest.validation().tokens()).isEqualTo(111_540);
    String text = Files.readString(shakespeare);
    assertThat(texts(Part.TRAIN)).containsExactly(text.substring(0, 1_003_854));
    assertThat(texts(Part.VALIDATION)).containsExactly(text.substring(1_003_854));
  }

  @Test
  void keepsAtMostSoManyDocuments() throws IOException {
    write("a.txt", String.join("\n", lines(100)));

    DatasetManifest manifest =
        prepare(
            "data.max_documents=40",
            "data.document_unit=line",
            "tokenizer.kind=byte",
            "data.validation_fraction=0.1");

    assertThat(manifest.documents().kept()).isEqualTo(40);
    assertThat(manifest.documents().overLimit()).isEqualTo(60);
    // 4 would be too few by hash: the tail of the 40, in characters.
    assertThat(manifest.split()).isEqualTo("tail");
    assertThat(manifest.train().textBytes() + manifest.validation().textBytes())
        .isEqualTo(
            String.join("", texts(Part.TRAIN)).length()
                + String.join("", texts(Part.VALIDATION)).length());
    assertThat(
            (double) manifest.validation().textBytes()
                / (manifest.train().textBytes() + manifest.validation().textBytes()))
        .isBetween(0.1, 0.102);
  }

  @Test
  void shardsEndWithTheDocumentThatFillsThem() throws IOException {
    write("a.txt", "aaaa\nbb\nc\ndddddddddd\ne\n");
    String[] settings = {
      "data.document_unit=line", "tokenizer.kind=byte", "data.validation_fraction=0"
    };
    prepare(settings);
    List<String> whole = texts(Part.TRAIN);

    prepared = folder.resolve("small-shards");
    String[] small = Arrays.copyOf(settings, settings.length + 1);
    small[settings.length] = "data.shard_tokens=4";
    DatasetManifest manifest = prepare(small);

    assertThat(manifest.train().shards()).hasSizeBetween(3, 5);
    assertThat(texts(Part.TRAIN)).isEqualTo(whole);
    long start = 0;
    for (var shard : manifest.train().shards()) {
      // The shard's number is that of its first document's place.
      assertThat(shard.name()).isEqualTo("train-%05d".formatted(start / 4));
      start += shard.tokens();
    }
  }

  @Test
  void trainsABpeTokenizerOnTheTrainingTextAlone() throws IOException {
    write("a.txt", "low lower lowest ".repeat(50) + "zyx zyx zyx zyx zyx zyx");

    DatasetManifest manifest =
        prepare(
            "data.split=tail", "data.validation_fraction=0.02", "tokenizer.vocabulary_size=265");

    Tokenizer tokenizer = tokenizer();
    assertThat(manifest.tokenizer().vocabularySize()).isEqualTo(265);
    assertThat(manifest.tokenizer().sha256()).isEqualTo(tokenizer.sha256());
    assertThat(tokenizer.id("Ġlow")).isPresent();
    assertThat(tokenizer.id("zyx")).isEmpty();
    assertThat(String.join("", texts(Part.TRAIN)) + String.join("", texts(Part.VALIDATION)))
        .isEqualTo(Files.readString(source.resolve("a.txt")));
  }

  @Test
  void trainsTheTokenizerOnAtMostSoManyBytes() throws IOException {
    write("a.txt", "é".repeat(10) + " abab".repeat(100));

    prepare(
        "data.validation_fraction=0",
        "tokenizer.vocabulary_size=258",
        "tokenizer.training_bytes=19");

    // 19 bytes are nine whole characters and a half: the only pair is é's two bytes.
    assertThat(tokenizer().encode("é")).hasSize(1);
  }

  @Test
  void usesAnExistingTokenizer() throws IOException {
    write("a.txt", "cab");
    Path file = tokenizerOf("abc");

    DatasetManifest manifest = prepare("tokenizer.file=" + file, "data.validation_fraction=0");

    assertThat(manifest.tokenizer().vocabularySize()).isEqualTo(3);
    int[] tokens = new int[3];
    TokenDataset.open(path(prepared), Part.TRAIN, new Configuration()).read(0, tokens, 0, 3);
    assertThat(tokens).containsExactly(2, 0, 1);
  }

  @Test
  void preparedDataNeedsItsTokenizersFileNoMore() throws IOException {
    write("a.txt", "cab");
    Path file = tokenizerOf("abc");
    String[] settings = {"tokenizer.file=" + file, "data.validation_fraction=0"};
    prepare(settings);
    Files.delete(file);

    assertThat(run(false, settings).upToDate()).isTrue();
    refused("tokenizer.file=" + file, "data.validation_fraction=0", "data.deduplicate=false")
        .hasMessageContaining("was prepared with other settings");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "</s>      ~ none                   ~ {}",
        "<|eos|>   ~ none                   ~ {}",
        "<divider> ~ tokenizer_config.json  ~ {'eos_token': '<divider>'}",
        "<divider> ~ generation_config.json ~ {'eos_token_id': [256]}",
      })
  void separatesDocumentsByTheTokenizersOwnEnd(String end, String beside, String json)
      throws IOException {
    write("a.txt", "one");
    write("b.txt", "two");
    Path file = bytesWithSpecial(end);
    Files.writeString(file.resolveSibling(beside), json.replace('\'', '"'));
    String[] settings = {"tokenizer.file=" + file, "data.validation_fraction=0"};

    DatasetManifest manifest = prepare(settings);

    assertThat(manifest.train().tokens()).isEqualTo(8);
    int[] tokens = new int[8];
    TrainingData data = TrainingData.open(path(prepared), new Configuration());
    data.train().read(0, tokens, 0, 8);
    assertThat(tokens[3]).isEqualTo(tokens[7]).isEqualTo(256);
    assertThat(data.tokenizer().endOfText()).hasValue(256);
    assertThat(progress)
        .contains("Tokenizing with 257 tokens, of which " + end + " separates documents");
    assertThat(run(false, settings).upToDate()).isTrue();
  }

  @Test
  void refusesATokenizerWithoutAnEndForSeveralDocuments() throws IOException {
    write("a.txt", "one");
    Path file = bytesWithSpecial("<divider>");
    String[] settings = {"tokenizer.file=" + file, "data.validation_fraction=0"};
    assertThat(prepare(settings).train().tokens()).isEqualTo(3);
    Map<String, String> before = contents(prepared);
    write("b.txt", "two");

    assertThatThrownBy(() -> run(true, settings))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "tokenizer.file "
                + file
                + " must have a special token that ends each of the 2 documents");

    assertThat(contents(prepared)).isEqualTo(before);
  }

  @Test
  void widensTokensForALargeVocabularyAndRefusesUint16() throws IOException {
    StringBuilder characters = new StringBuilder("z");
    for (int i = 0; i < 70_000; i++) {
      characters.appendCodePoint(0x10000 + i);
    }
    write("a.txt", "z\uD800\uDC00z");
    Path file = tokenizerOf(characters.toString());

    refused("tokenizer.file=" + file, "data.token_type=uint16")
        .hasMessage(
            "data.token_type uint16 holds at most 65536 tokens, got a vocabulary of 70001: set"
                + " data.token_type to auto or int32");
    assertThat(prepared).doesNotExist();

    DatasetManifest manifest = prepare("tokenizer.file=" + file, "data.validation_fraction=0");
    assertThat(manifest.tokenEncoding()).isEqualTo(TokenEncoding.INT32);
    assertThat(texts(Part.TRAIN)).containsExactly("z\uD800\uDC00z");
  }

  @Test
  void findsPreparedDataAgain() throws IOException {
    write("a.txt", "some text");
    prepare("tokenizer.kind=byte");
    Map<String, String> before = contents(prepared);

    PrepareJob.Prepared again = run(false, "tokenizer.kind=byte", "seed=5", "model.layers=2");

    assertThat(again.upToDate()).isTrue();
    assertThat(contents(prepared)).isEqualTo(before);
  }

  @Test
  void neverWritesOverOtherData() throws IOException {
    write("a.txt", "some text");
    prepare("tokenizer.kind=byte");
    Map<String, String> before = contents(prepared);

    refused("tokenizer.kind=char")
        .hasMessage(
            prepared
                + " holds data that was prepared with other settings: set data.path to another"
                + " folder, or prepare with --rebuild");
    write("b.txt", "more");
    refused("tokenizer.kind=byte")
        .hasMessage(
            prepared
                + " holds data that was prepared from other files (1 files, 9 bytes) than those of"
                + " data.source now (2 files, 13 bytes, or changed since): set data.path to another"
                + " folder, or prepare with --rebuild");
    assertThat(contents(prepared)).isEqualTo(before);

    PrepareJob.Prepared rebuilt = run(true, "tokenizer.kind=byte");
    assertThat(rebuilt.upToDate()).isFalse();
    assertThat(rebuilt.manifest().documents().kept()).isEqualTo(2);
  }

  @Test
  void takesOverWhatAnInterruptedRunLeft() throws IOException {
    write("a.txt", "some text");
    Files.createDirectory(prepared);
    Files.writeString(prepared.resolve("train-00007.bin"), "half");
    Files.writeString(prepared.resolve("tokenizer.json"), "{");

    prepare("tokenizer.kind=byte", "data.validation_fraction=0");

    assertThat(contents(prepared))
        .containsOnlyKeys("manifest.json", "tokenizer.json", "train-00000.bin", "train-00000.idx");
  }

  @Test
  void givesTheSameBytesWhateverThePartitionsAndThreads() throws IOException {
    String[] lines = lines(3000);
    for (int i = 0; i < 3000; i += 500) {
      write(
          "part-%d.txt".formatted(i),
          String.join("\n", Arrays.copyOfRange(lines, i, Math.min(3000, i + 500))));
    }
    String[] settings = {
      "data.document_unit=line",
      "data.validation_fraction=0.05",
      "tokenizer.vocabulary_size=300",
      "data.shard_tokens=2000"
    };
    prepare(settings);
    Map<String, String> parallel = contents(prepared);

    // The same lines in one file, in another order, on one thread and in other partitions.
    open.close();
    source = Files.createDirectory(folder.resolve("source-2"));
    prepared = folder.resolve("prepared-2");
    List<String> shuffled = new ArrayList<>(List.of(lines));
    java.util.Collections.shuffle(shuffled, new Random(3));
    write("all.txt", String.join("\n", shuffled));
    try (var other =
        SparkSessions.open(
            "test", Map.of("spark.master", "local[1]", "spark.default.parallelism", "1"))) {
      spark = other.session();
      prepare(settings);
    } finally {
      start();
    }
    Map<String, String> sequential = contents(prepared);

    parallel.remove("manifest.json");
    sequential.remove("manifest.json");
    assertThat(parallel.size()).isGreaterThan(10);
    assertThat(sequential).isEqualTo(parallel);
  }

  @Test
  void refusesASourceThatIsNotThere() {
    assertThatThrownBy(() -> prepareFrom(folder.resolve("none").toString()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "data.source %s does not exist (looked for file:%s): give a file, a folder, a glob, a URI or a recipe (java-sources, tales/stories, tales/instructions, tales/preferences, tales/prompts, tales/prompts-test, skills)"
                .formatted(folder.resolve("none"), folder.resolve("none")));
    assertThatThrownBy(() -> prepareFrom(folder + "/*.txt"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("*.txt does not exist");
    assertThatThrownBy(() -> prepareFrom("nowhere://host/text"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "nowhere://host/text must be on a file system that Hadoop supports here: No"
                + " FileSystem for scheme \"nowhere\"");
    refused()
        .hasMessage(
            "data.source "
                + source
                + " must hold files, got none: names that begin with _ or a dot do not count");
  }

  @Test
  void refusesACorpusWithoutText() throws IOException {
    write("a.txt", " \n");
    Files.write(source.resolve("b.txt"), new byte[] {(byte) 0xff});

    refused()
        .hasMessage(
            "data.source "
                + source
                + " must hold text, got none: of 2 documents 1 are empty and 1 are malformed (invalid"
                + " UTF-8, or a NUL character)");
    assertThat(prepared).isEmptyDirectory();

    Path empty = Files.createFile(folder.resolve("empty.txt"));
    assertThatThrownBy(() -> prepareFrom(empty.toString()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("of 1 documents 1 are empty");
  }

  @Test
  void takesUtf16ForNoText() throws IOException {
    Files.write(source.resolve("a.txt"), "latin letters\n".getBytes(StandardCharsets.UTF_16LE));

    refused()
        .hasMessageContaining("of 1 documents 0 are empty and 1 are malformed (invalid UTF-8,");
  }

  @Test
  void refusesDamagedFiles() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (var zip = new GZIPOutputStream(bytes)) {
      zip.write("some text, and more".getBytes(StandardCharsets.UTF_8));
    }
    Path file = source.resolve("a.txt.gz");
    Files.write(file, Arrays.copyOf(bytes.toByteArray(), bytes.size() / 2));
    refused()
        .hasMessage(
            "%s must be undamaged and of the format that its extension names, got a file that cannot be read to its end (Unexpected end of input stream): download it again",
            file);
    assertThat(prepared).isEmptyDirectory();
  }

  @Test
  void refusesAMissingTextField() throws IOException {
    write("a.jsonl", "{\"body\": \"x\"}\n{\"body\": \"y\"}\n");

    refused()
        .hasMessage(
            "data.text_field must name a field with text, got \"text\", which none of the 2 records"
                + " of "
                + source
                + " has; the first is {\"body\": \"x\"}");

    Path table = folder.resolve("table");
    spark
        .range(1)
        .select(functions.col("id"), functions.lit("x").alias("body"))
        .write()
        .parquet(table.toString());
    assertThatThrownBy(() -> prepareFrom(table.toString()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "data.text_field must name a column of %s, got \"text\": the columns are id, body"
                .formatted(table));
    assertThatThrownBy(() -> prepareFrom(table.toString(), "data.text_field=id"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "data.text_field must name a column of text, got \"id\" of type int64 in "
                + table
                + "/part-");
  }

  @Test
  void refusesFilesOfSeveralFormats() throws IOException {
    write("a.txt", "x");
    write("b.jsonl", "{\"text\": \"y\"}");

    refused()
        .hasMessage(
            "data.source "
                + source
                + " must hold files of one format, got [text, jsonl] by their extensions: set"
                + " data.format, or a glob that matches one format");
    assertThat(prepareFrom(source + "/*.jsonl", "tokenizer.kind=byte").documents().kept())
        .isEqualTo(1);
  }

  @Test
  void refusesAFolderWithOtherFiles() throws IOException {
    write("a.txt", "x");
    Files.createDirectory(prepared);
    Files.writeString(prepared.resolve("thesis.doc"), "mine");

    refused()
        .hasMessage(
            "data.path "
                + prepared
                + " must be empty or hold prepared data, got thesis.doc: set data.path to another"
                + " folder");
    assertThat(prepared.resolve("thesis.doc")).hasContent("mine");
  }

  @Test
  void refusesAFileInPlaceOfAFolder() throws IOException {
    write("a.txt", "x");
    Files.writeString(prepared, "mine");

    refused()
        .hasMessage(
            "data.path "
                + prepared
                + " must be a folder, got a file: set data.path to another folder");
    assertThat(prepared).hasContent("mine");
  }

  @Test
  void refusesAFolderThatCannotBeWritten() throws IOException {
    write("a.txt", "x");
    // Not even root may make a folder there.
    assumeThat(Path.of("/proc/self")).as("Linux has /proc").exists();
    prepared = Path.of("/proc/firesteel/prepared");

    refused()
        .hasMessage(
            "creating the folder data.path /proc/firesteel/prepared failed, permission denied:"
                + " change the permissions or choose another folder");
  }

  @Test
  void aFullDiskLeavesEarlierDataAndNothingElse() throws IOException {
    write("a.txt", "x".repeat(100_000));
    prepare("tokenizer.kind=byte");
    Map<String, String> before = contents(prepared);
    Configuration conf = spark.sparkContext().hadoopConfiguration();
    conf.setClass("fs.full.impl", FullDisk.class, FileSystem.class);
    Path full = folder.resolve("full");

    assertThatThrownBy(
            () ->
                prepareFrom(
                    source.toString(), "tokenizer.kind=byte", "data.path=full://disk" + full))
        .satisfies(
            failure ->
                assertThat(Failures.diagnose(failure).sentence())
                    .isEqualTo(
                        "writing token shards into full://disk%s failed, the disk or quota is full: free space or choose another folder"
                            .formatted(full)));
    assertThat(FullDisk.LATE).as("files that are yet to be created").hasValue(0);
    assertThat(full).isEmptyDirectory();
    assertThat(contents(prepared)).isEqualTo(before);
  }

  @Test
  void saysWhichCharacterATokenizerLacks() throws IOException {
    write("a.txt", "abcd");
    Path file = tokenizerOf("abc");

    assertThatThrownBy(() -> prepare("tokenizer.file=" + file))
        .satisfies(
            failure ->
                assertThat(Failures.diagnose(failure).sentence())
                    .startsWith("Cannot encode the character 'd' (U+0064) at index"));
    assertThat(prepared).isEmptyDirectory();
  }

  @Test
  void refusesATokenizerFileThatIsMissingOrDamaged() throws IOException {
    write("a.txt", "abcd");
    Path file = folder.resolve("tokenizer.json");

    refused("tokenizer.file=" + file)
        .hasMessage(
            "tokenizer.file " + file + " does not exist: give the path of a tokenizer.json");
    Files.writeString(file, "{");
    refused("tokenizer.file=" + file).hasMessageContaining(file.toString());
  }

  /**
   * Takes so many bytes of a file and no more. Creates files of validation text a while after
   * another one has failed.
   */
  public static final class FullDisk extends RawLocalFileSystem {
    private static final int BYTES = 50_000;
    private static final long LATER_MILLIS = 300;
    private static final CountDownLatch FAILED = new CountDownLatch(1);
    private static final AtomicInteger LATE = new AtomicInteger();

    @Override
    public URI getUri() {
      return URI.create("full://disk/");
    }

    @Override
    public String getScheme() {
      return "full";
    }

    @Override
    public FSDataOutputStream create(
        org.apache.hadoop.fs.Path file,
        FsPermission permission,
        boolean overwrite,
        int bufferSize,
        short replication,
        long blockSize,
        Progressable progress)
        throws IOException {
      comeLate(file);
      OutputStream out =
          super.create(file, permission, overwrite, bufferSize, replication, blockSize, progress);
      return new FSDataOutputStream(new Limited(out), null);
    }

    @Override
    public FSDataOutputStream create(
        org.apache.hadoop.fs.Path file,
        boolean overwrite,
        int bufferSize,
        short replication,
        long blockSize,
        Progressable progress)
        throws IOException {
      comeLate(file);
      OutputStream out =
          super.create(file, overwrite, bufferSize, replication, blockSize, progress);
      return new FSDataOutputStream(new Limited(out), null);
    }

    private static void comeLate(org.apache.hadoop.fs.Path file) throws IOException {
      if (file.getName().startsWith(Part.VALIDATION.title())) {
        LATE.incrementAndGet();
        try {
          FAILED.await();
          Thread.sleep(LATER_MILLIS);
        } catch (InterruptedException e) {
          throw new InterruptedIOException();
        } finally {
          LATE.decrementAndGet();
        }
      }
    }

    private static final class Limited extends FilterOutputStream {
      private int left = BYTES;

      Limited(OutputStream out) {
        super(out);
      }

      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        left -= length;
        if (left < 0) {
          FAILED.countDown();
          throw new IOException("No space left on device");
        }
        out.write(bytes, offset, length);
      }
    }
  }

  private DatasetManifest prepare(String... settings) {
    return run(false, settings).manifest();
  }

  private DatasetManifest prepareFrom(String from, String... settings) {
    List<String> overrides = new ArrayList<>(List.of("data.path=" + prepared));
    overrides.addAll(List.of(settings));
    overrides.add("data.source=" + from);
    return PrepareJob.run(
            spark, ConfigLoader.load(PretrainConfig.class, overrides), false, progress::add)
        .manifest();
  }

  private PrepareJob.Prepared run(boolean rebuild, String... settings) {
    List<String> overrides =
        new ArrayList<>(List.of("data.source=" + source, "data.path=" + prepared));
    overrides.addAll(List.of(settings));
    PretrainConfig config = ConfigLoader.load(PretrainConfig.class, overrides);
    return PrepareJob.run(spark, config, rebuild, progress::add);
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(String... settings) {
    return assertThatThrownBy(() -> run(false, settings)).isInstanceOf(UserException.class);
  }

  private void write(String name, String text) throws IOException {
    Path file = source.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  /** Different lines of different lengths. */
  private static String[] lines(int count) {
    Random random = new Random(11);
    String[] lines = new String[count];
    for (int i = 0; i < count; i++) {
      lines[i] =
          "line %d %s".formatted(i, Long.toString(random.nextLong() >>> random.nextInt(50), 36));
    }
    return lines;
  }

  private Path tokenizerOf(String characters) throws IOException {
    Path file = folder.resolve("characters.json");
    Files.writeString(file, CharTokenizer.train(List.of(characters).iterator()).toJson());
    return file;
  }

  /** Bytes and one special token, with the id 256. */
  private Path bytesWithSpecial(String token) throws IOException {
    Path file = Files.createDirectories(folder.resolve("given")).resolve("tokenizer.json");
    return Files.writeString(
        file, BpeTokenizer.bytes().toJson().replace(Tokenizer.END_OF_TEXT, token));
  }

  private Tokenizer tokenizer() throws IOException {
    try (InputStream in = Files.newInputStream(prepared.resolve("tokenizer.json"))) {
      return Tokenizers.load(in, "tokenizer.json");
    }
  }

  /** The documents of a part, as their index cuts them, decoded. */
  private List<String> texts(Part part) throws IOException {
    TokenDataset data = TokenDataset.open(path(prepared), part, new Configuration());
    Files.deleteIfExists(prepared.resolve("_verified"));
    Tokenizer tokenizer = tokenizer();
    List<String> texts = new ArrayList<>();
    long start = 0;
    for (var shard : data.manifest().part(part).shards()) {
      var idx =
          java.nio.ByteBuffer.wrap(Files.readAllBytes(prepared.resolve(shard.name() + ".idx")))
              .order(java.nio.ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < shard.documents(); i++) {
        int[] tokens = new int[idx.getInt(34 + 4 * i)];
        data.read(start, tokens, 0, tokens.length);
        start += tokens.length;
        int last = tokens[tokens.length - 1];
        texts.add(
            tokenizer.decode(
                tokenizer.isSpecial(last) ? Arrays.copyOf(tokens, tokens.length - 1) : tokens));
      }
    }
    assertThat(start).isEqualTo(data.tokens());
    return texts;
  }

  private static org.apache.hadoop.fs.Path path(Path path) {
    return new org.apache.hadoop.fs.Path(path.toUri());
  }

  private static Map<String, String> contents(Path folder) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        contents.put(
            file.getFileName().toString(),
            new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
      }
    }
    return contents;
  }
}

package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenDatasetTest {
  private static final int[][][] SHARDS = {{{1, 2, 3}, {4}}, {{5, 6}}, {{7}, {8, 9, 65535}}};
  private static final int[] TOKENS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 65535};

  @TempDir Path folder;
  private org.apache.hadoop.fs.Path path;

  @BeforeEach
  void name() {
    path = new org.apache.hadoop.fs.Path(folder.toUri());
  }

  @ParameterizedTest
  @EnumSource
  void readsAnyRangeAcrossShards(TokenEncoding encoding) throws IOException {
    Fixture.write(path, encoding, SHARDS);
    TokenDataset data = open();

    assertThat(data.tokens()).isEqualTo(10);
    assertThat(data.tokensPerByte()).isEqualTo(0.25);
    for (int start = 0; start < 10; start++) {
      for (int length = 0; length <= 10 - start; length++) {
        int[] got = new int[length + 2];
        data.read(start, got, 1, length);
        assertThat(Arrays.copyOfRange(got, 1, length + 1))
            .as("%d tokens from %d", length, start)
            .containsExactly(Arrays.copyOfRange(TOKENS, start, start + length));
      }
    }
    assertThatThrownBy(() -> data.read(9, new int[2], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void opensValidationText() throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    TokenDataset data = TokenDataset.open(path, DatasetManifest.Part.VALIDATION, Fixture.CONF);

    int[] got = new int[3];
    data.read(0, got, 0, 3);
    assertThat(got).containsExactly(7, 8, 9);
  }

  @Test
  void theManifestReadsBackAsItWasWritten() throws IOException {
    DatasetManifest written = Fixture.write(path, TokenEncoding.UINT16, SHARDS);

    assertThat(DatasetManifest.read(path, Fixture.CONF)).isEqualTo(written);
    assertThat(written.documents().dropped()).isEqualTo(2);
    assertThat(Files.readString(folder.resolve("manifest.json")))
        .contains("\"token_encoding\" : \"uint16\"", "\"text_bytes\" : 40");
  }

  @Test
  void aFolderWithoutManifestHoldsNoData() {
    assertThat(DatasetManifest.find(path, Fixture.CONF)).isEmpty();
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessage(
            path
                + " must hold prepared data, got no manifest.json there: run the command prepare"
                + " first");
  }

  @Test
  void refusesADamagedManifest() throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    Path file = folder.resolve("manifest.json");
    String json = Files.readString(file);

    Files.writeString(file, json.substring(0, json.length() / 2));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the manifest %s is damaged: delete its folder and run the command prepare again"
                .formatted(new org.apache.hadoop.fs.Path(path, "manifest.json")));

    Files.writeString(file, json.replace("\"version\" : 1", "\"version\" : 2"));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have version 1, got 2");

    Files.writeString(file, json.replace("train-00000", "../train-00000"));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining(
            "names the shard \"../train-00000\", which is not a valid shard name");
  }

  @ParameterizedTest
  @ValueSource(strings = {"train-00001.bin", "train-00001.idx"})
  void refusesATruncatedShard(String name) throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    Path file = folder.resolve(name);
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));

    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the token shard %s must have %d bytes, got %d: delete its folder and run the command prepare again"
                .formatted(
                    new org.apache.hadoop.fs.Path(path, name), bytes.length, bytes.length - 1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"train-00001.bin", "train-00001.idx"})
  void refusesAShardWithAFlippedBit(String name) throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    Path file = folder.resolve(name);
    flipBit(file);

    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageMatching(
            "the token shard .*/%s must have the SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}: delete its folder and run the command prepare again"
                .formatted(name));
    assertThat(folder.resolve(TokenDataset.MARKER)).doesNotExist();
  }

  @Test
  void verifiesValidationTextWithTheTrainingText() throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    flipBit(folder.resolve("validation-00000.bin"));

    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("validation-00000.bin must have the SHA-256");
    assertThat(folder.resolve(TokenDataset.MARKER)).doesNotExist();
  }

  @Test
  void noticesAShardThatChangedAfterItWasVerified() throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    open();
    assertThat(folder.resolve(TokenDataset.MARKER)).exists();
    Path file = folder.resolve("train-00000.bin");
    flipBit(file);
    Files.setLastModifiedTime(file, FileTime.fromMillis(12345));

    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have the SHA-256");
  }

  @Test
  void refusesAMissingShard() throws IOException {
    Fixture.write(path, TokenEncoding.UINT16, SHARDS);
    Files.delete(folder.resolve("train-00002.bin"));

    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the token shard %s is missing: delete its folder and run the command prepare again"
                .formatted(new org.apache.hadoop.fs.Path(path, "train-00002.bin")));
  }

  @Test
  void refusesAPartWithoutText() throws IOException {
    Fixture.write(path, TokenEncoding.UINT16);

    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessage(
            path
                + " must hold train text, got none: prepare more documents or raise"
                + " data.validation_fraction");
  }

  @Test
  void readsThroughAVerifiedCacheFromOtherFileSystems() throws IOException {
    // Different tokens each time, so that the cache of an earlier test run does not hold them.
    int[] document = UUID.randomUUID().toString().chars().toArray();
    Fixture.write(path, TokenEncoding.UINT16, new int[][] {document});
    Configuration conf = new Configuration(false);
    conf.setClass("fs.elsewhere.impl", Elsewhere.class, org.apache.hadoop.fs.FileSystem.class);
    var remote = new org.apache.hadoop.fs.Path("elsewhere://host" + folder);

    int[] got = new int[document.length];
    TokenDataset.open(remote, DatasetManifest.Part.TRAIN, conf).read(0, got, 0, got.length);
    assertThat(got).containsExactly(document);

    // The same length and name, other bytes: what is cached is found by hash, not by name.
    Fixture.write(path, TokenEncoding.UINT16, new int[][] {{4, 4, 4}});
    flipBit(folder.resolve("train-00000.bin"));
    assertThatThrownBy(() -> TokenDataset.open(remote, DatasetManifest.Part.TRAIN, conf))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("the token shard elsewhere://host")
        .hasMessageContaining("must have the SHA-256");
  }

  private TokenDataset open() {
    return TokenDataset.open(path, DatasetManifest.Part.TRAIN, Fixture.CONF);
  }

  private static void flipBit(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 4;
    Files.write(file, bytes);
  }

  /** A file system that is not the local one to Hadoop, over the same files. */
  public static final class Elsewhere extends RawLocalFileSystem {
    @Override
    public URI getUri() {
      return URI.create("elsewhere://host/");
    }

    @Override
    public String getScheme() {
      return "elsewhere";
    }
  }

  @Test
  void explainsFailuresInASentence() {
    assertThat(HadoopFiles.explain("writing x", new IOException("No space left on device")))
        .hasMessage(
            "writing x failed, the disk or quota is full: free space or choose another folder");
    assertThat(
            HadoopFiles.explain(
                "writing x", new RuntimeException(new java.nio.file.AccessDeniedException("x"))))
        .hasMessage(
            "writing x failed, permission denied: change the permissions or choose another folder");
    assertThat(
            HadoopFiles.explain(
                "writing x", new org.apache.hadoop.fs.ParentNotDirectoryException("y")))
        .hasMessage("writing x failed, a file is where a folder must be: choose another folder");
    assertThat(HadoopFiles.explain("reading x", new java.io.FileNotFoundException("x")))
        .hasMessage("reading x failed, the file does not exist");
    assertThat(HadoopFiles.explain("reading x", new IOException("broken\n at y")))
        .hasMessage("reading x failed: broken");
  }

  @Test
  void saysWhichFileSystemIsNotHere() {
    assertThatThrownBy(
            () ->
                HadoopFiles.fileSystem(
                    new org.apache.hadoop.fs.Path("nowhere://h/x"), new Configuration()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "nowhere://h/x must be on a file system that Hadoop supports here: No FileSystem for scheme \"nowhere\"");
    Configuration conf = new Configuration();
    conf.set("fs.absent.impl", "org.example.AbsentFileSystem");
    assertThatThrownBy(
            () -> HadoopFiles.fileSystem(new org.apache.hadoop.fs.Path("absent://h/x"), conf))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "absent://h/x needs a file system whose classes are missing: add its jar to Spark's jars (for s3a: org.apache.hadoop:hadoop-aws)");
  }
}

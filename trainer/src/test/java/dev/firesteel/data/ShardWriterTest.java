package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardWriterTest {
  @TempDir Path folder;

  /** Bytes written out by hand from Megatron-LM's {@code _IndexWriter}. */
  @Test
  void writesMegatronsFormat() throws IOException {
    var path = new org.apache.hadoop.fs.Path(folder.toUri());
    DatasetManifest.ShardInfo info;
    try (var writer =
        new ShardWriter(
            HadoopFiles.fileSystem(path, Fixture.CONF),
            path,
            "train-00000",
            TokenEncoding.UINT16)) {
      writer.add(1, 65535, 3);
      writer.add(256);
      info = writer.finish();
    }

    byte[] bin = Files.readAllBytes(folder.resolve("train-00000.bin"));
    byte[] idx = Files.readAllBytes(folder.resolve("train-00000.idx"));
    assertThat(HexFormat.of().formatHex(bin)).isEqualTo("0100ffff03000001");
    assertThat(HexFormat.of().formatHex(idx))
        .isEqualTo(
            "4d4d4944494458" // MMIDIDX
                + "0000"
                + "0100000000000000" // version
                + "08" // uint16
                + "0200000000000000" // sequences
                + "0300000000000000" // document indices
                + "03000000"
                + "01000000"
                + "0000000000000000"
                + "0600000000000000"
                + "0000000000000000"
                + "0100000000000000"
                + "0200000000000000");
    assertThat(info.documents()).isEqualTo(2);
    assertThat(info.tokens()).isEqualTo(4);
    assertThat(info.bin().bytes()).isEqualTo(bin.length);
    assertThat(info.idx().bytes()).isEqualTo(idx.length);
    assertThat(info.bin().sha256())
        .isEqualTo(HexFormat.of().formatHex(HadoopFiles.sha256().digest(bin)));
    assertThat(info.idx().sha256())
        .isEqualTo(HexFormat.of().formatHex(HadoopFiles.sha256().digest(idx)));
    try (var files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("train-00000.bin", "train-00000.idx");
    }
  }

  @Test
  void encodesInt32LittleEndian() {
    assertThat(TokenEncoding.INT32.encode(1, 65536)).containsExactly(1, 0, 0, 0, 0, 0, 1, 0);
    assertThatThrownBy(() -> TokenEncoding.UINT16.encode(65536))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("token id 65536 does not fit UINT16");
    assertThatThrownBy(() -> TokenEncoding.INT32.encode(-1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("token id -1 does not fit INT32");
  }

  @Test
  void takesTheNarrowestEncodingThatHoldsTheVocabulary() {
    assertThat(TokenEncoding.of(DataConfig.TokenType.AUTO, 65536)).isEqualTo(TokenEncoding.UINT16);
    assertThat(TokenEncoding.of(DataConfig.TokenType.AUTO, 65537)).isEqualTo(TokenEncoding.INT32);
    assertThat(TokenEncoding.of(DataConfig.TokenType.INT32, 300)).isEqualTo(TokenEncoding.INT32);
  }

  @Test
  void refusesAVocabularyLargerThanUint16() {
    assertThatThrownBy(() -> TokenEncoding.of(DataConfig.TokenType.UINT16, 65537))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "data.token_type uint16 holds at most 65536 tokens, got a vocabulary of 65537: set"
                + " data.token_type to auto or int32");
  }
}

package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class StrictCodecsTest {
  private static final byte[] TEXT = text(3_000);

  /** A way in which text is compressed; {@code checked} where the format has checksums. */
  private record Format(String name, String ending, boolean checked, Writer writer) {
    byte[] write(byte[] text) throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (OutputStream out = writer.open(bytes)) {
        out.write(text);
      }
      return bytes.toByteArray();
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private interface Writer {
    OutputStream open(OutputStream out) throws IOException;
  }

  private static Stream<Format> formats() {
    return Stream.of(
        new Format("bzip2", ".bz2", true, BZip2CompressorOutputStream::new),
        new Format(
            "LZ4 frames",
            ".lz4",
            true,
            out ->
                new LZ4FrameOutputStream(
                    out,
                    LZ4FrameOutputStream.BLOCKSIZE.SIZE_64KB,
                    LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE,
                    LZ4FrameOutputStream.FLG.Bits.CONTENT_CHECKSUM)),
        new Format("Hadoop's LZ4", ".lz4", false, out -> hadoop(".lz4").createOutputStream(out)),
        new Format(
            "Hadoop's Snappy", ".snappy", false, out -> hadoop(".snappy").createOutputStream(out)),
        new Format("gzip", ".gz", true, out -> hadoop(".gz").createOutputStream(out)),
        new Format("deflate", ".deflate", true, out -> hadoop(".deflate").createOutputStream(out)));
  }

  @ParameterizedTest
  @MethodSource("formats")
  void readsWhatWasWritten(Format format) throws IOException {
    assertThat(read(format.ending, format.write(TEXT))).isEqualTo(TEXT);
    assertThat(read(format.ending, format.write(new byte[0]))).isEmpty();
    // Several blocks and chunks.
    byte[] large = text(700_000);
    assertThat(read(format.ending, format.write(large))).isEqualTo(large);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void readsJoinedFiles(Format format) throws IOException {
    byte[] one = format.write(TEXT);
    byte[] two = Arrays.copyOf(one, 2 * one.length);
    System.arraycopy(one, 0, two, one.length, one.length);
    assertThat(read(format.ending, two)).hasSize(2 * TEXT.length).endsWith(TEXT);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void aFileThatIsCutAnywhereFails(Format format) throws IOException {
    byte[] whole = format.write(TEXT);
    for (int length = 1; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> read(format.ending, cut))
          .as("%d of %d bytes", length, whole.length)
          .isInstanceOfAny(IOException.class, RuntimeException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void aFlippedBitFailsOrChangesNoText(Format format) throws IOException {
    byte[] whole = format.write(TEXT);
    for (int at = 0; at < whole.length; at++) {
      byte[] flipped = whole.clone();
      flipped[at] ^= 0x10;
      byte[] text;
      try {
        text = read(format.ending, flipped);
      } catch (IOException | RuntimeException e) {
        continue;
      }
      // Hadoop's blocks have no checksums: only what breaks them is seen.
      assertThat(text).as("byte %d", at).hasSize(TEXT.length);
      if (format.checked) {
        assertThat(text).as("byte %d", at).isEqualTo(TEXT);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {".bz2", ".lz4", ".snappy", ".gz", ".deflate"})
  void plainTextWithTheEndingFails(String ending) {
    for (String text : new String[] {"a", "abc", "{\"text\": \"some text\"}\n", "x".repeat(999)}) {
      assertThatThrownBy(() -> read(ending, text.getBytes(StandardCharsets.UTF_8)))
          .as(text)
          .isInstanceOfAny(IOException.class, RuntimeException.class);
    }
  }

  @Test
  void keepsTheCodecsOfTheUser() {
    Configuration conf = new Configuration(false);
    assertThat(StrictCodecs.names(conf)).startsWith(StrictCodecs.class.getName());
    conf.set("io.compression.codecs", "org.example.A, org.example.B");
    assertThat(StrictCodecs.names(conf)).startsWith("org.example.A,org.example.B,dev.firesteel.");
  }

  private static byte[] read(String ending, byte[] bytes) throws IOException {
    Configuration conf = new Configuration(false);
    conf.set("io.compression.codecs", StrictCodecs.names(conf));
    CompressionCodec codec = new CompressionCodecFactory(conf).getCodec(new Path("/a" + ending));
    try (InputStream in = codec.createInputStream(new ByteArrayInputStream(bytes))) {
      return in.readAllBytes();
    }
  }

  private static CompressionCodec hadoop(String ending) {
    return new CompressionCodecFactory(new Configuration(false)).getCodec(new Path("/a" + ending));
  }

  private static byte[] text(int bytes) {
    Random random = new Random(7);
    StringBuilder text = new StringBuilder();
    while (text.length() < bytes) {
      text.append("word ").append(random.nextInt(1_000)).append('\n');
    }
    return text.substring(0, bytes).getBytes(StandardCharsets.US_ASCII);
  }
}

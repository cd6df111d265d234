package dev.firesteel.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsTest {
  @TempDir Path folder;
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FileSystem.getLocal(new Configuration()).getRawFileSystem();
  }

  @Test
  void writesTheBytesOfTheFormat() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Safetensors.write(
        List.of(
            HostTensor.of("b", Shape.of(2, 1), 1.5f, -2f), HostTensor.of("a", Shape.scalar(), 3f)),
        Safetensors.PYTORCH_METADATA,
        out);

    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[4,12]}}";
    int padded = (header.length() + 7) / 8 * 8;
    ByteBuffer expected =
        ByteBuffer.allocate(8 + padded + 12)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(padded)
            .put((header + " ".repeat(padded - header.length())).getBytes(StandardCharsets.UTF_8))
            .putFloat(3f)
            .putFloat(1.5f)
            .putFloat(-2f);
    assertThat(out.toByteArray()).isEqualTo(expected.array());
    assertThat(padded).isGreaterThan(header.length());
  }

  @Test
  void readsBackEveryBit() throws IOException {
    long seed = 5;
    Random random = new Random(seed);
    float[] values = new float[3 * Safetensors.BUFFER_ELEMENTS + 7];
    for (int i = 0; i < values.length; i++) {
      // Any bits: infinities, subnormals and NaNs with payloads are among them.
      values[i] = Float.intBitsToFloat(random.nextInt());
    }
    write(
        "x.safetensors",
        List.of(
            HostTensor.of("weights", Shape.of(values.length), values),
            HostTensor.of("none", Shape.of(0, 4))));

    try (SafetensorsFile file = open("x.safetensors")) {
      assertThat(file.metadata()).isEqualTo(Map.of("format", "pt"));
      assertThat(file.tensors().keySet()).containsExactly("none", "weights");
      assertThat(file.tensors().get("none").shape()).isEqualTo(Shape.of(0, 4));
      float[] all = new float[values.length];
      file.read("weights", 0, all, all.length);
      assertThat(bits(all)).as("seed %d", seed).isEqualTo(bits(values));
      float[] some = new float[5];
      file.read("weights", 70_000, some, 5);
      assertThat(bits(some)).isEqualTo(bits(java.util.Arrays.copyOfRange(values, 70_000, 70_005)));
    }
  }

  @Test
  void writesMoreThanTwoGigabytesThroughASmallBuffer() throws IOException {
    int rows = 600;
    int columns = 1_000_000;
    long[] written = new long[1];
    byte[] start = new byte[8];
    Safetensors.write(
        List.of(new Counting("big", Shape.of(rows, columns))),
        Map.of(),
        new OutputStream() {
          @Override
          public void write(int b) {
            throw new AssertionError("bytes are written in blocks");
          }

          @Override
          public void write(byte[] source, int offset, int length) {
            if (written[0] == 0) {
              System.arraycopy(source, offset, start, 0, 8);
            }
            written[0] += length;
          }
        });
    long header = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(written[0]).isEqualTo(8 + header + 4L * rows * columns);
  }

  @Test
  void readsBehindTwoGigabytes() throws IOException {
    long elements = 600_000_000;
    String header =
        "{\"big\":{\"dtype\":\"F32\",\"shape\":[600,1000000],\"data_offsets\":[0,%d]}}"
            .formatted(4 * elements);
    Path path = folder.resolve("big.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length()).array());
      file.write(header.getBytes(StandardCharsets.UTF_8));
      file.setLength(8 + header.length() + 4 * elements);
      file.seek(8 + header.length() + 4 * (elements - 1));
      file.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(42f).array());
    }
    try (SafetensorsFile file = open("big.safetensors")) {
      float[] last = new float[2];
      file.read("big", elements - 2, last, 2);
      assertThat(last).containsExactly(0f, 42f);
    }
  }

  /** Headers in single quotes for double ones, bytes of data, and what is said about them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 4 | is truncated: its tensors take 8 bytes, it has 4 for them
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 9 | has 1 bytes after its last tensor
          {'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[2,6]}} | 6 | has the overlapping tensors a and b
          {'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[8,12]}} | 12 | has a hole of 4 bytes before the tensor b
          {'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 8 | has a hole of 4 bytes before the tensor a
          {'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}} | 8 | has the tensor a of shape [3] and element type F32 in 8 bytes, which do not fit
          {'a':{'dtype':'F77','shape':[2],'data_offsets':[0,8]}} | 8 | has the tensor a of the unknown element type "F77"
          {'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | 8 | has the tensor a of the impossible shape [-2]
          {'a':{'dtype':'F32','shape':[2.5],'data_offsets':[0,8]}} | 8 | must have whole numbers as shape of the tensor a, got [2.5]
          {'a':{'dtype':'F32','shape':7,'data_offsets':[0,8]}} | 8 | must have a list as shape of the tensor a
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}} | 8 | must have data_offsets [begin, end] for the tensor a, got [8,0]
          {'__metadata__':{'format':7}} | 0 | must have only texts in its __metadata__, got another value for format
          {'__metadata__':[]} | 0 | must have an object as its __metadata__
          [1] | 0 | must have a header that begins with '{'
          {'a' | 0 | header is not valid JSON (
          {'a':{'dtype':'F32','shape':[0],'data_offsets':[0,0]},'a':{'dtype':'F32','shape':[0],'data_offsets':[0,0]}} | 0 | header is not valid JSON (Duplicate
          """)
  void refusesWhatBreaksTheFormat(String header, int dataBytes, String said) throws IOException {
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    Files.write(
        folder.resolve("x.safetensors"),
        ByteBuffer.allocate(8 + json.length + dataBytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.length)
            .put(json)
            .array());
    assertThatThrownBy(() -> open("x.safetensors"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            folder.resolve("x.safetensors") + " is not a valid safetensors file: it")
        .hasMessageContaining(said);
  }

  @Test
  void refusesHeadersThatCannotBe() throws IOException {
    Files.write(folder.resolve("short"), new byte[7]);
    assertThatThrownBy(() -> open("short"))
        .isInstanceOf(UserException.class)
        .hasMessageEndingWith("must begin with a header length of 8 bytes, got a file of 7");

    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(folder.resolve("long"), length.putLong(0, 100_000_001).array());
    assertThatThrownBy(() -> open("long"))
        .isInstanceOf(UserException.class)
        .hasMessageEndingWith("must have a header of at most 100000000 bytes, got 100000001");

    Files.write(folder.resolve("cut"), length.putLong(0, 64).array());
    assertThatThrownBy(() -> open("cut"))
        .isInstanceOf(UserException.class)
        .hasMessageEndingWith("is truncated: its header ends at byte 72, the file at byte 8");
  }

  @Test
  void refusesToReadAnotherElementTypeAsFloats() throws IOException {
    byte[] json =
        "{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
            .getBytes(StandardCharsets.UTF_8);
    Files.write(
        folder.resolve("ints"),
        ByteBuffer.allocate(12 + json.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.length)
            .put(json)
            .array());
    try (SafetensorsFile file = open("ints")) {
      assertThatThrownBy(() -> file.read("a", 0, new float[1], 1))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "tensor a of " + folder.resolve("ints") + " must have the element type F32, got I32");
      assertThatThrownBy(() -> file.read("b", 0, new float[1], 1))
          .isInstanceOf(UserException.class)
          .hasMessage(folder.resolve("ints") + " must hold the tensor b, and does not");
    }
  }

  private void write(String name, List<HostTensor> tensors) throws IOException {
    try (OutputStream out = Files.newOutputStream(folder.resolve(name))) {
      Safetensors.write(tensors, Safetensors.PYTORCH_METADATA, out);
    }
  }

  private SafetensorsFile open(String name) throws IOException {
    return SafetensorsFile.open(fs, new org.apache.hadoop.fs.Path(folder.resolve(name).toString()));
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  private record Counting(String name, Shape shape) implements TensorSource {
    @Override
    public void read(long from, float[] into, int count) {
      into[0] = count;
    }
  }
}

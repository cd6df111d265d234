package dev.firesteel.format.safetensors;

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
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

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
      assertThat(bits(some)).isEqualTo(bits(Arrays.copyOfRange(values, 70_000, 70_005)));
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
          {'a':{'dtype':'F32','shape':[2.5],'data_offsets':[0,8]}} | 8 | must have integers as shape of the tensor a, got [2.5]
          {'a':{'dtype':'F32','shape':7,'data_offsets':[0,8]}} | 8 | must have a list as shape of the tensor a
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}} | 8 | must have data_offsets [begin, end] for the tensor a, got [8,0]
          {'__metadata__':{'format':7}} | 0 | must have only texts in its __metadata__, got another value for format
          {'__metadata__':[]} | 0 | must have an object as its __metadata__
          [1] | 0 | must have a header that begins with '{'
          {'a' | 0 | header is not valid JSON (
          {'a':{'dtype':'F32','shape':[0],'data_offsets':[0,0]},'a':{'dtype':'F32','shape':[0],'data_offsets':[0,0]}} | 0 | header is not valid JSON (Duplicate
          """)
  void refusesWhatBreaksTheFormat(String header, int dataBytes, String said) throws IOException {
    write("x.safetensors", header, new byte[dataBytes]);
    assertThatThrownBy(() -> open("x.safetensors"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            folder.resolve("x.safetensors") + " is not a valid safetensors file: it")
        .hasMessageContaining(said);
  }

  @Test
  void refusesAHeaderInAnotherEncoding() throws IOException {
    String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    for (String encoding : List.of("UTF-16LE", "UTF-32LE")) {
      byte[] bytes = header.getBytes(Charset.forName(encoding));
      Files.write(
          folder.resolve("x"),
          ByteBuffer.allocate(8 + bytes.length + 4)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putLong(bytes.length)
              .put(bytes)
              .array());
      assertThatThrownBy(() -> open("x"))
          .isInstanceOf(UserException.class)
          .hasMessageEndingWith("must have a header in UTF-8");
    }
  }

  /** A tree of it would take many times the memory of its text. */
  @Test
  void refusesALargeEntryOfAHeaderUnread() throws IOException {
    String bomb = "[" + "1,".repeat(9_000_000) + "1]";
    write("x", "{\"a\":{\"dtype\":\"F32\",\"shape\":" + bomb + "}}", new byte[0]);

    assertThatThrownBy(() -> open("x"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have at most 16777216 bytes for an entry of its header, got ");
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

  /** All 65,536 of each: zeros, subnormals, infinities and NaNs of both signs are among them. */
  @ParameterizedTest
  @ValueSource(strings = {"F16", "BF16"})
  void readsEveryValueOfSixteenBitsAsTheSameFloat(String dtype) throws IOException {
    int count = 1 << 16;
    int repeated = 2 * count; // More than a buffer.
    ByteBuffer data = ByteBuffer.allocate(2 * repeated).order(ByteOrder.LITTLE_ENDIAN);
    float[] expected = new float[repeated];
    for (int i = 0; i < repeated; i++) {
      data.putShort((short) i);
      expected[i] =
          dtype.equals("F16")
              ? StoredTensor.halfValue(i % count)
              : Float.intBitsToFloat(i % count * count);
    }
    write(
        "x.safetensors",
        "{'a':{'dtype':'%s','shape':[%d],'data_offsets':[0,%d]}}"
            .formatted(dtype, repeated, 2 * repeated),
        data.array());
    try (SafetensorsFile file = open("x.safetensors")) {
      float[] all = new float[repeated];
      file.read("a", 0, all, repeated);
      assertThat(all).isEqualTo(expected);
      float[] some = new float[70_001];
      file.read("a", 333, some, some.length);
      assertThat(some).isEqualTo(Arrays.copyOfRange(expected, 333, 333 + some.length));
    }
  }

  /** All values of a type, and around the middle between each and the next. */
  @ParameterizedTest
  @EnumSource(
      value = FloatType.class,
      names = {"F16", "BF16"})
  void writesTheNearestValueAndOfTwoTheEvenOne(FloatType dtype) throws IOException {
    List<Float> values = new ArrayList<>();
    List<Integer> bits = new ArrayList<>();
    for (int i = 0; i < 1 << 15; i++) {
      float value = exact(dtype, i);
      float next = exact(dtype, i + 1);
      if (Float.isFinite(value)) {
        values.add(value);
        bits.add(i);
        if (Float.isFinite(next)) {
          float middle = (float) (((double) value + next) / 2);
          values.addAll(List.of(Math.nextDown(middle), middle, Math.nextUp(middle)));
          bits.addAll(List.of(i, i % 2 == 0 ? i : i + 1, i + 1));
        }
      }
    }
    int positive = values.size();
    for (int i = 0; i < positive; i++) {
      values.add(-values.get(i));
      bits.add(bits.get(i) | 0x8000);
    }
    values.addAll(List.of(1 / 0f, -1 / 0f));
    int infinity = dtype == FloatType.F16 ? 0x7c00 : 0x7f80;
    bits.addAll(List.of(infinity, infinity | 0x8000));

    ByteBuffer written = written(dtype, values);
    for (int i = 0; i < bits.size(); i++) {
      assertThat(written.getShort(written.capacity() - 2 * (bits.size() - i)) & 0xffff)
          .as("%s", values.get(i))
          .isEqualTo(bits.get(i));
    }
  }

  private static float exact(FloatType dtype, int bits) {
    return dtype == FloatType.F16 ? StoredTensor.halfValue(bits) : Float.intBitsToFloat(bits << 16);
  }

  private static ByteBuffer written(FloatType dtype, List<Float> values) throws IOException {
    float[] array = new float[values.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = values.get(i);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Safetensors.write(
        List.of(HostTensor.of("a", Shape.of(array.length), array)), dtype, Map.of(), out);
    return ByteBuffer.wrap(out.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void aNaNStaysOne() throws IOException {
    float quiet = Float.intBitsToFloat(0xffc00001);
    float low = Float.intBitsToFloat(0x7f800001);
    for (FloatType dtype : FloatType.values()) {
      ByteBuffer bytes = written(dtype, List.of(quiet, low));
      for (int i = 1; i <= 2; i++) {
        int at = bytes.capacity() - i * dtype.bytes();
        float read =
            switch (dtype) {
              case F32 -> bytes.getFloat(at);
              case BF16 -> Safetensors.fromBfloat(bytes.getShort(at));
              case F16 -> Safetensors.fromHalf(bytes.getShort(at));
            };
        assertThat(read).as("%s", dtype).isNaN();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"F16, 65519.996, 65520", "F16, 65519.996, -1e9", "BF16, 3.3961e38, 3.4e38"})
  void refusesWhatWouldBecomeAnInfinity(FloatType dtype, float largest, float tooLarge)
      throws IOException {
    ByteBuffer bytes = written(dtype, List.of(largest));
    assertThat(bytes.getShort(bytes.capacity() - 2))
        .isEqualTo((short) (dtype == FloatType.F16 ? 0x7bff : 0x7f7f));
    assertThatThrownBy(() -> written(dtype, List.of(1f, tooLarge)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "tensor a can be written as %s only if its values are within +-%s, got %s at element 1: write F32, or BF16 if it is not that already"
                .formatted(dtype, dtype.largest(), tooLarge));
  }

  /** Mapped, as a published file; through Hadoop, as one with checksums; both beyond a buffer. */
  @Test
  void readsAFileWithChecksumsAndOneWithout() throws IOException {
    FileSystem checked = FileSystem.getLocal(new Configuration());
    float[] values = new float[2 * Safetensors.BUFFER_ELEMENTS + 3];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    for (FileSystem writer : List.of(fs, checked)) {
      Path file = folder.resolve(writer == fs ? "plain" : "checked");
      try (OutputStream out = writer.create(new org.apache.hadoop.fs.Path(file.toString()))) {
        Safetensors.write(
            List.of(HostTensor.of("a", Shape.of(values.length), values)), Map.of(), out);
      }
      try (SafetensorsFile read =
          SafetensorsFile.open(checked, new org.apache.hadoop.fs.Path(file.toString()))) {
        float[] got = new float[values.length - 1];
        read.read("a", 1, got, got.length);
        assertThat(got).isEqualTo(Arrays.copyOfRange(values, 1, values.length));
      }
    }
    Path file = folder.resolve("checked");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    try (SafetensorsFile read =
        SafetensorsFile.open(checked, new org.apache.hadoop.fs.Path(file.toString()))) {
      assertThatThrownBy(() -> read.read("a", 0, new float[values.length], values.length))
          .isInstanceOf(ChecksumException.class);
    }
  }

  @Test
  void knowsSomeHalvesByHeart() {
    // 0x3c00 is 1, 0x7bff the largest, 0x0400 the smallest normal, 0x0001 the smallest of all.
    short[] halves = {0x3c00, 0x7bff, 0x0400, 0x03ff, 0x0001, (short) 0x8000, (short) 0xfc00};
    float[] expected = {1, 65504, 0x1p-14f, 1023 * 0x1p-24f, 0x1p-24f, -0f, -1 / 0f};
    for (int i = 0; i < halves.length; i++) {
      assertThat(Safetensors.fromHalf(halves[i])).isEqualTo(expected[i]);
    }
    assertThat(Float.floatToRawIntBits(Safetensors.fromHalf((short) 0xfe01))).isEqualTo(0xffc02000);
  }

  /** Headers in single quotes for double ones, whose tensor a is 1, 2 in the last 8 bytes of 12. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[4,12]},'b':{'dtype':'I32','shape':[1],'data_offsets':[0,4]}}",
        "{'b':{'dtype':'F32','shape':[],'data_offsets':[0,4]},'__metadata__':{'format':'pt'},'a':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}}",
        "{'__metadata__':{},'b':{'data_offsets':[0,4],'shape':[1,2],'dtype':'F16'},'a':{'shape':[2,1],'dtype':'F32','data_offsets':[4,12]}}",
        "{'__metadata__':null,'a':{'dtype':'F32','shape':[1,2],'data_offsets':[4,12]},'c':{'dtype':'BOOL','shape':[0],'data_offsets':[4,4]},'b':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}    "
      })
  void readsHeadersInAnyOrder(String header) throws IOException {
    write(
        "x.safetensors",
        header,
        ByteBuffer.allocate(12)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(7)
            .putFloat(1)
            .putFloat(2)
            .array());
    try (SafetensorsFile file = open("x.safetensors")) {
      float[] values = new float[2];
      file.read("a", 0, values, 2);
      assertThat(values).containsExactly(1, 2);
      assertThat(file.tensors().keySet()).startsWith("b").endsWith("a");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "I16", "U16", "I32", "U32", "F64", "I64", "U64"
      })
  void refusesToReadAnotherElementTypeAsFloats(String dtype) throws IOException {
    int bytes = Safetensors.DTYPE_BYTES.get(dtype);
    write(
        "ints",
        "{'a':{'dtype':'%s','shape':[1],'data_offsets':[0,%d]}}".formatted(dtype, bytes),
        new byte[bytes]);
    try (SafetensorsFile file = open("ints")) {
      assertThatThrownBy(() -> file.read("a", 0, new float[1], 1))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "tensor a of %s must have the element type F32, BF16 or F16, got %s: convert it to one of them"
                  .formatted(folder.resolve("ints"), dtype));
      assertThatThrownBy(() -> file.read("b", 0, new float[1], 1))
          .isInstanceOf(UserException.class)
          .hasMessage(folder.resolve("ints") + " must hold the tensor b, and does not");
    }
  }

  /** A file of a header in single quotes for double ones. */
  private void write(String name, String header, byte[] data) throws IOException {
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    Files.write(
        folder.resolve(name),
        ByteBuffer.allocate(8 + json.length + data.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.length)
            .put(json)
            .put(data)
            .array());
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

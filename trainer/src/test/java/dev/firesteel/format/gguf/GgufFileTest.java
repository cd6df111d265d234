package dev.firesteel.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.HostTensor;
import dev.firesteel.format.safetensors.TensorSource;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GgufFileTest {
  @TempDir Path folder;
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FileSystem.getLocal(new Configuration(false)).getRawFileSystem();
  }

  @Test
  void readsBackMetadataOfEachType() throws IOException {
    Map<String, GgufValue> metadata = new LinkedHashMap<>();
    metadata.put("a.number", GgufValue.number(0xFFFF_FFFFL));
    metadata.put("a.float", GgufValue.number(1.5f));
    metadata.put("a.flag", GgufValue.flag(true));
    metadata.put("a.text", GgufValue.text("\u00e9\u20ac"));
    metadata.put("a.texts", GgufValue.texts(List.of("", "b", "\u20ac")));
    metadata.put("a.floats", GgufValue.numbers(new float[] {1, -2.5f}));
    metadata.put("a.integers", GgufValue.numbers(new int[] {1, -2}));
    Path path = write(metadata, List.of(), GgmlType.F32);
    try (GgufFile file = open(path)) {
      assertThat(file.metadata().keySet()).containsExactlyElementsOf(metadata.keySet());
      assertThat(file.metadata().get("a.number").element(0)).isEqualTo(0xFFFF_FFFFL);
      assertThat(file.number("a.float")).contains(1.5);
      assertThat(file.flag("a.flag")).contains(true);
      assertThat(file.text("a.text")).contains("\u00e9\u20ac");
      assertThat(file.texts("a.texts")).contains(List.of("", "b", "\u20ac"));
      assertThat(file.array("a.floats").orElseThrow().decimal(1)).isEqualTo(-2.5);
      assertThat(file.array("a.integers").orElseThrow().element(1)).isEqualTo(-2);
      assertThat(file.text("absent")).isEmpty();
      assertThatThrownBy(() -> file.integer("a.number"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(
              "a.number of %s must be an integer from 0 to 2147483647, got 4294967295"
                  .formatted(path));
      assertThatThrownBy(() -> file.text("a.texts"))
          .hasMessageContaining("must be a text, got string[3] , b, \u20ac");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F32, 0",
    "F16, 0.0005",
    "BF16, 0.004",
    "Q8_0, 0.02",
    "Q4_0, 0.5",
    "Q5_0, 0.25",
    "Q4_K, 0.5",
    "Q6_K, 0.1"
  })
  void readsBackTensors(GgmlType type, double tolerance) throws IOException {
    Random random = new Random(3);
    float[] values = new float[70 * 1024];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    values[5] = 0;
    List<TensorSource> tensors =
        List.of(
            HostTensor.of("first", Shape.of(70, 1024), values),
            HostTensor.of("last", Shape.of(1, 256), values));
    try (GgufFile file = open(write(Map.of(), tensors, type))) {
      assertThat(file.tensors().get("first"))
          .isEqualTo(new GgufTensor("first", type, Shape.of(70, 1024), 0));
      float[] all = new float[values.length];
      file.read("first", 0, all, all.length);
      float[] part = new float[256];
      file.read("first", 66 * 1024, part, part.length);
      float[] last = new float[256];
      file.read("last", 0, last, last.length);
      boolean relative = type == GgmlType.F16 || type == GgmlType.BF16;
      for (int i = 0; i < all.length; i++) {
        double most = relative ? Math.max(1e-6, tolerance * Math.abs(values[i])) : tolerance;
        if (Math.abs(all[i] - values[i]) > most) {
          assertThat(all[i]).as("element %d", i).isEqualTo(values[i]);
        }
      }
      for (int i = 0; i < part.length; i++) {
        assertThat(part[i]).isEqualTo(all[66 * 1024 + i]);
      }
      for (int i = 0; i < last.length; i++) {
        assertThat(last[i]).isEqualTo(all[i]);
      }
    }
  }

  @Test
  void writesAndReadsTensorsOfMoreThanTwoGigabytes() throws IOException {
    Shape shape = Shape.of(540, 1_000_000);
    Path path = folder.resolve("big.gguf");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
        OutputStream out = withHoles(file)) {
      Gguf.write(
          Map.of(),
          List.of(new LastOne("big", shape), HostTensor.of("small", Shape.of(2), 1, 42)),
          tensor -> GgmlType.F32,
          out);
      out.flush();
    }
    try (GgufFile file = open(path)) {
      float[] last = new float[2];
      file.read("big", shape.size() - 2, last, 2);
      assertThat(last).containsExactly(0, 7);
      file.read("small", 0, last, 2);
      assertThat(last).containsExactly(1, 42);
    }
  }

  /** Leaves out blocks of zeros, which take no place in the file then. */
  private static OutputStream withHoles(RandomAccessFile file) {
    return new OutputStream() {
      private long end;

      @Override
      public void write(int b) {
        throw new AssertionError("bytes are written in blocks");
      }

      @Override
      public void write(byte[] source, int offset, int length) throws IOException {
        if (!Arrays.equals(source, offset, offset + length, new byte[length], 0, length)) {
          file.seek(end);
          file.write(source, offset, length);
        }
        end += length;
      }

      @Override
      public void flush() throws IOException {
        file.setLength(end);
      }
    };
  }

  /** Zeros, and 7 as the last element. */
  private record LastOne(String name, Shape shape) implements TensorSource {
    @Override
    public void read(long from, float[] into, int count) {
      Arrays.fill(into, 0, count, 0);
      if (from + count == shape.size()) {
        into[count - 1] = 7;
      }
    }
  }

  /** Against blocks computed by hand from ggml's definition. */
  @Test
  void writesBlocksAsGgmlDoes() {
    float[] values = new float[32];
    values[0] = -16;
    values[1] = 15.5f; // 7.75: rounds to 8, beyond the largest
    values[2] = 1; // -0.5: between two
    values[16] = 4;
    ByteBuffer four = ByteBuffer.allocate(18).order(ByteOrder.LITTLE_ENDIAN);
    GgmlBlocks.encode(GgmlType.Q4_0, values, 32, four);
    assertThat(four.getShort(0)).isEqualTo((short) 0x4000); // 2.0
    assertThat(four.get(2) & 0xFF).isEqualTo(0 | (2 + 8) << 4);
    assertThat(four.get(3) & 0xFF).isEqualTo(15 | 8 << 4);
    assertThat(four.get(4) & 0xFF).isEqualTo(9 | 8 << 4);

    values[0] = -127;
    ByteBuffer eight = ByteBuffer.allocate(34).order(ByteOrder.LITTLE_ENDIAN);
    values[3] = -0.5f; // away from zero
    GgmlBlocks.encode(GgmlType.Q8_0, values, 32, eight);
    assertThat(eight.getShort(0)).isEqualTo((short) 0x3C00); // 1.0
    assertThat(eight.get(2)).isEqualTo((byte) -127);
    assertThat(eight.get(3)).isEqualTo((byte) 16);
    assertThat(eight.get(5)).isEqualTo((byte) -1);
  }

  @Test
  void refusesValuesThatATypeDoesNotHold() {
    for (GgmlType type :
        List.of(
            GgmlType.F16,
            GgmlType.Q8_0,
            GgmlType.Q4_0,
            GgmlType.Q5_0,
            GgmlType.Q4_K,
            GgmlType.Q6_K)) {
      float[] values = new float[256];
      values[7] = 1e8f;
      assertThatThrownBy(
              () -> write(Map.of(), List.of(HostTensor.of("w", Shape.of(256), values)), type))
          .isInstanceOf(UserException.class)
          .hasMessage("tensor w cannot be written as %s, got 1.0E8 at element 7: write f32", type);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0 | 0x47475546 | must begin with the letters GGUF",
        "4 | 0x03000000 | must be of version 2 or 3 and little-endian, got version 50331648",
        "8 | 0x7FFFFFFF | cannot have 2147483647 tensors",
        "16 | -1 | cannot have 4294967295 metadata keys",
        "24 | 0 | must have 1 to 65535 bytes for a metadata key, got 0",
        "32 | 0x000A000A | must have printable ASCII for a metadata key, got the byte 0x0A",
        "41 | 99 | has the unknown type 99 as that of general.x",
        "45 | -1 | is truncated in general.x",
      })
  void refusesDamagedHeaders(int at, String value, String message) throws IOException {
    refuses(bytes -> bytes.putInt(at, Long.decode(value).intValue()), message);
  }

  @Test
  void refusesDamagedTables() throws IOException {
    int entry = 24 + 8 + 9 + 4 + 8 + 4;
    refuses(bytes -> bytes.put(entry + 8, (byte) 1), "must have printable ASCII for a tensor's");
    refuses(bytes -> bytes.putInt(entry + 9, 5), "must have at most 4 dimensions");
    refuses(bytes -> bytes.putLong(entry + 13, -1), "has the impossible dimension 184467");
    refuses(bytes -> bytes.putLong(entry + 13, 1L << 30), "is truncated: its tensor a has");
    refuses(bytes -> bytes.putInt(entry + 29, 4), "has the unknown type 4");
    refuses(bytes -> bytes.putInt(entry + 29, 12), "must have rows of whole blocks of 256");
    refuses(bytes -> bytes.putLong(entry + 33, 32), "must have the tensor a at byte 0 of its data");
    refuses(bytes -> bytes.put(entry + 41 + 8, (byte) 'a'), "has the tensor a twice");
    refuses(
        bytes -> bytes.putLong(entry + 41 + 33, 0),
        "must have the tensor b at byte 256 of its data, where the one before it ends, got 0");
  }

  @Test
  void refusesTheSameKeyTwice() throws IOException {
    Map<String, GgufValue> metadata = new LinkedHashMap<>();
    metadata.put("general.x", GgufValue.flag(true));
    metadata.put("general.y", GgufValue.flag(true));
    byte[] bytes = Files.readAllBytes(write(metadata, List.of(), GgmlType.F32));
    bytes[24 + 8 + 9 + 4 + 1 + 8 + 8] = 'x';
    assertThatThrownBy(() -> open(save(bytes)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("has the metadata key general.x twice");
  }

  @Test
  void refusesEveryPrefix() throws IOException {
    byte[] bytes = Files.readAllBytes(example());
    for (int length = 0; length < bytes.length - 24; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> open(save(cut)).close())
          .as("the first %d bytes", length)
          .isInstanceOf(UserException.class);
    }
  }

  private void refuses(Consumer<ByteBuffer> damage, String message) throws IOException {
    byte[] bytes = Files.readAllBytes(example());
    damage.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    assertThatThrownBy(() -> open(save(bytes)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is not a valid GGUF file: it ")
        .hasMessageContaining(message);
  }

  /** One metadata key and the tensors a [2, 32] and b [2, 1]. */
  private Path example() throws IOException {
    return write(
        Map.of("general.x", GgufValue.text("text")),
        List.of(
            HostTensor.of("a", Shape.of(2, 32), new float[64]),
            HostTensor.of("b", Shape.of(2, 1), 1, 2)),
        GgmlType.F32);
  }

  private Path write(
      Map<String, GgufValue> metadata, List<? extends TensorSource> tensors, GgmlType type)
      throws IOException {
    Path path = folder.resolve("x.gguf");
    try (OutputStream out = Files.newOutputStream(path)) {
      Gguf.write(metadata, tensors, tensor -> type, out);
    }
    return path;
  }

  private Path save(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("damaged.gguf"), bytes);
  }

  private GgufFile open(Path path) throws IOException {
    return GgufFile.open(fs, new org.apache.hadoop.fs.Path(path.toString()));
  }

  @Test
  void keepsTextsAsTheyAre() {
    assertThat(GgufValue.text("a").bytes())
        .isEqualTo(
            ByteBuffer.allocate(9)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(1)
                .put("a".getBytes(StandardCharsets.UTF_8))
                .array());
  }
}

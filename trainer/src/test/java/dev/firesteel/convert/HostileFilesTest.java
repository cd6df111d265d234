package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgmlType;
import dev.firesteel.format.gguf.GgufSource;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.llama2c.Llama2cFiles;
import dev.firesteel.format.llama2c.Llama2cSource;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.model.TestModels;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged files of other tools: each is read, or refused with a {@link UserException}, in bounded
 * memory. More cases: {@code -Dfiresteel.mutations=1000000}.
 */
class HostileFilesTest {
  private static final int CASES = Integer.getInteger("firesteel.mutations", 10_000);
  private static final long SEED = 20261129;

  /** What a case may allocate: its file is smaller than 40 KB. */
  private static final long MOST_BYTES = 48 << 20;

  private static final long[] NUMBERS = {
    0,
    1,
    2,
    -1,
    255,
    1 << 16,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    1L << 32,
    1L << 40,
    7,
    33,
    1_000_000
  };

  @TempDir private Path folder;
  private final FileSystem fs = SavedModels.fs();

  /** Opens a file and reads all that is in it. */
  private interface Reader {
    PublishedModel open(Path file);
  }

  @Test
  void damagedGgufFilesAreReadOrRefused() throws IOException {
    List<byte[]> files = new ArrayList<>();
    try (Backend backend = SavedModels.backend()) {
      Tokenizer tokenizer = TextTokenizers.bpe();
      List<ModelConfig> models =
          List.of(TestModels.gpt2(1, 8, 2, 8, 0), TestModels.llama(1, 32, 4, 2, 32, 8, 0));
      for (ModelConfig config : models) {
        Path directory = folder.resolve("model" + files.size());
        SavedModels.write(backend, config, tokenizer, 1, directory);
        for (GgmlType type : List.of(GgmlType.F32, GgmlType.Q8_0)) {
          Path file = folder.resolve(type + config.architecture().name() + ".gguf");
          new ModelExport(
                  SavedModels.hadoop(directory),
                  SavedModels.hadoop(file),
                  "",
                  SavedModels.HADOOP,
                  backend,
                  notice -> {})
              .toGguf(type);
          byte[] whole = Files.readAllBytes(file);
          files.add(whole);
          // What only other tools write: no keys of ours.
          files.add(renamed(whole, "firesteel.config.json", "tokenizer.huggingface.json"));
        }
      }
    }
    check(CASES, files, file -> GgufSource.open(fs, SavedModels.hadoop(file), notice -> {}));
  }

  @Test
  void damagedLlama2cFilesAreReadOrRefused() throws IOException {
    Path tokenizer = Llama2cFiles.tokenizer(folder.resolve("tokenizer.bin"));
    List<byte[]> files = new ArrayList<>();
    for (int version = 0; version < 2; version++) {
      for (boolean tied : new boolean[] {false, true}) {
        files.add(Llama2cFiles.model(version, tied));
      }
    }
    org.apache.hadoop.fs.Path beside = SavedModels.hadoop(tokenizer);
    check(CASES / 2, files, file -> Llama2cSource.open(fs, SavedModels.hadoop(file), beside));
    Path model = Files.write(folder.resolve("whole.bin"), files.get(0));
    check(
        CASES / 2,
        List.of(Files.readAllBytes(tokenizer)),
        file -> Llama2cSource.open(fs, SavedModels.hadoop(model), SavedModels.hadoop(file)));
  }

  /** The same file with the first letter of keys changed. */
  private static byte[] renamed(byte[] file, String... keys) {
    byte[] changed = file.clone();
    String text = new String(file, StandardCharsets.ISO_8859_1);
    for (String key : keys) {
      changed[text.indexOf(key)] = 'x';
    }
    return changed;
  }

  private void check(int cases, List<byte[]> files, Reader reader) throws IOException {
    Random random = new Random(SEED);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    Path file = folder.resolve("damaged.bin");
    int read = 0;
    int refused = 0;
    for (int i = 0; i < cases; i++) {
      byte[] bytes = damaged(files.get(i % files.size()), random);
      Files.write(file, bytes);
      long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
      try (PublishedModel model = reader.open(file)) {
        float[] buffer = new float[1 << 16];
        for (TensorSource tensor : model.tensors()) {
          long size = tensor.shape().size();
          for (long from = 0; from < size; from += buffer.length) {
            tensor.read(from, buffer, (int) Math.min(buffer.length, size - from));
          }
        }
        read++;
      } catch (UserException e) {
        assertThat(e.getMessage()).isNotBlank();
        refused++;
      } catch (RuntimeException | Error e) {
        Path kept =
            Files.write(Path.of(System.getProperty("java.io.tmpdir"), "damaged-" + i), bytes);
        throw new AssertionError("case %d of seed %d, kept as %s".formatted(i, SEED, kept), e);
      }
      long allocated = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
      if (allocated >= MOST_BYTES) {
        assertThat(allocated).as("bytes allocated by case %d", i).isLessThan(MOST_BYTES);
      }
    }
    assertThat(refused).isGreaterThan(cases / 10);
    assertThat(read).isGreaterThan(cases / 100);
  }

  private static byte[] damaged(byte[] whole, Random random) {
    byte[] bytes = whole.clone();
    int damages = 1 + random.nextInt(3);
    for (int i = 0; i < damages; i++) {
      // Most of the time where the header is.
      int reach =
          random.nextInt(4) == 0
              ? bytes.length
              : Math.min(bytes.length, 1 << (10 + random.nextInt(4)));
      int at = random.nextInt(Math.max(1, reach));
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      long number = NUMBERS[random.nextInt(NUMBERS.length)];
      switch (random.nextInt(6)) {
        case 0 -> bytes[at % Math.max(1, bytes.length)] ^= (byte) (1 << random.nextInt(8));
        case 1 -> {
          if (at + 4 <= bytes.length) {
            buffer.putInt(at, (int) number);
          }
        }
        case 2 -> {
          if (at + 8 <= bytes.length) {
            buffer.putLong(at, number);
          }
        }
        case 3 -> {
          if (at < bytes.length) {
            bytes[at] = (byte) random.nextInt(256);
          }
        }
        case 4 -> { // a part of the file over another
          int size = random.nextInt(64);
          int from = random.nextInt(Math.max(1, bytes.length - size));
          int to = Math.min(at, Math.max(0, bytes.length - size));
          if (size <= bytes.length) {
            System.arraycopy(bytes, from, bytes, to, size);
          }
        }
        default -> {
          if (random.nextInt(4) == 0) {
            bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 64));
          }
        }
      }
    }
    return bytes;
  }
}

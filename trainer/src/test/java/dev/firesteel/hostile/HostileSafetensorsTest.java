package dev.firesteel.hostile;

import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.format.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged safetensors files. */
class HostileSafetensorsTest {
  private static final long SEED = 1;

  @TempDir private Path folder;

  @Test
  void areReadOrRefused() throws Exception {
    Path file = folder.resolve("model.safetensors");
    Map<String, StoredTensor> tensors = new TreeMap<>();
    tensors.put("a.weight", StoredTensor.ofValues("F32", 1.5f, 3, 4));
    tensors.put("b", StoredTensor.ofValues("BF16", -2, 5));
    tensors.put("c", StoredTensor.ofValues("F16", 0.25f, 2, 1, 2));
    tensors.put("d", StoredTensor.zeros("I64", 2));
    tensors.put("e", StoredTensor.zeros("F32", 0, 7));
    tensors.put("f", StoredTensor.ofValues("F32", 3));
    StoredTensor.write(file, tensors);
    byte[] valid = Files.readAllBytes(file);
    FileSystem local = FileSystem.getLocal(new Configuration()).getRawFileSystem();
    var path = new org.apache.hadoop.fs.Path(file.toUri());
    MemoryFiles memory = new MemoryFiles();

    HostileCases.run(
        "safetensors",
        SEED,
        mutator -> {
          byte[] damaged = damaged(mutator, valid);
          if (mutator.below(10) == 0) { // mapped; the others are read as a stream
            Files.write(file, damaged);
            read(local, path);
          } else {
            read(memory, memory.put("model.safetensors", damaged));
          }
        });
  }

  /** Half of the cases have a header of valid JSON and the right length. */
  private static byte[] damaged(Mutator mutator, byte[] valid) {
    if (mutator.below(2) == 0) {
      return mutator.bytes(valid);
    }
    int headerEnd =
        Long.BYTES + (int) ByteBuffer.wrap(valid).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] header =
        mutator.json(new String(valid, Long.BYTES, headerEnd - Long.BYTES, StandardCharsets.UTF_8));
    byte[] data = Arrays.copyOfRange(valid, headerEnd, valid.length);
    return ByteBuffer.allocate(Long.BYTES + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  private static void read(FileSystem fs, org.apache.hadoop.fs.Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(fs, path)) {
      float[] buffer = new float[Safetensors.BUFFER_ELEMENTS];
      for (TensorInfo info : file.tensors().values()) {
        if (SafetensorsFile.isFloat(info)) {
          for (long from = 0; from < info.shape().size(); from += buffer.length) {
            int count = (int) Math.min(buffer.length, info.shape().size() - from);
            file.read(info.name(), from, buffer, count);
          }
        }
      }
    }
  }
}

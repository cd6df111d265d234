package dev.firesteel.format.llama2c;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.safetensors.TensorSource;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Llama2cSourceTest {
  @TempDir private Path folder;

  /** Version 1 with tied embeddings: the up-projection of the last layer ends the file. */
  @Test
  void readsBehindTwoGigabytes() throws IOException {
    int width = 4096;
    int inner = 16384;
    int layers = 3;
    long elements =
        layers * (2L * width + 4L * width * width + 3L * inner * width)
            + width
            + (long) Llama2cFiles.TOKENS * width;
    long length = 256 + elements * Float.BYTES;
    Path path = folder.resolve("model.bin");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      ByteBuffer header = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
      header.putInt(0x616b3432).putInt(1);
      header.putInt(width).putInt(inner).putInt(layers).putInt(32).putInt(32);
      header.putInt(Llama2cFiles.TOKENS).putInt(16).put((byte) 1);
      file.write(header.array());
      file.seek(length - 4); // the rest is a hole
      file.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(42f).array());
    }
    Llama2cFiles.tokenizer(folder.resolve("tokenizer.bin"));
    FileSystem fs = FileSystem.getLocal(new Configuration(false)).getRawFileSystem();

    try (PublishedModel model =
        Llama2cSource.open(fs, new org.apache.hadoop.fs.Path(path.toString()), null)) {
      TensorSource last =
          model.tensors().stream()
              .filter(tensor -> tensor.name().equals("model.layers.2.mlp.up_proj.weight"))
              .findFirst()
              .orElseThrow();
      float[] values = new float[2];
      last.read(last.shape().size() - 2, values, 2);
      assertThat(values).containsExactly(0, 42);
    }
    assertThat(length).isGreaterThan(3L << 30);
  }
}

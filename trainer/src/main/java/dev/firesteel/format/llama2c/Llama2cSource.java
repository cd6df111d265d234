package dev.firesteel.format.llama2c;

import dev.firesteel.array.Shape;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.HuggingFaceTensor;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Reads a model of llama2.c: a header of sizes and the weights in float32 in a fixed order, all
 * layers of one kind after another, in the first format of its {@code export.py} (version 0) or in
 * version 1, which has a magic number. Queries and keys have interleaved rows. Source: {@code
 * export.py} and {@code run.c} of karpathy/llama2.c.
 */
public final class Llama2cSource {
  private static final int MAGIC = 0x616b3432; // "ak42"
  private static final int HEADER_V0 = 28;
  private static final int HEADER_V1 = 256;

  private static final int MOST_LAYERS = 1 << 14;

  /** What llama2.c computes with and does not write down. */
  private static final double EPSILON = 1e-5;

  private static final double THETA = 1e4;

  private Llama2cSource() {}

  /**
   * Opens a file; its tensors are read when they are written elsewhere.
   *
   * @param tokenizer its tokenizer's file; null: {@code tokenizer.bin} beside it, or {@code
   *     tok<V>.bin}
   * @throws UserException if a file is missing or malformed, or the weights are quantized
   */
  public static PublishedModel open(FileSystem fs, Path path, Path tokenizer) {
    try {
      FSDataInputStream in = fs.open(path);
      try {
        return model(fs, path, tokenizer, in, fs.getFileStatus(path).getLen());
      } catch (IOException | RuntimeException e) {
        in.close();
        throw e;
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + path, e);
    }
  }

  /**
   * The header.
   *
   * @param bytes before the weights
   * @param tied whether the head is the embedding
   * @param old whether the weights are those of version 0
   */
  private record Header(
      long bytes,
      int width,
      int inner,
      int layers,
      int heads,
      int kvHeads,
      int vocabulary,
      int context,
      boolean tied,
      boolean old) {
    int headWidth() {
      return width / heads;
    }
  }

  private static PublishedModel model(
      FileSystem fs, Path path, Path tokenizerFile, FSDataInputStream in, long length)
      throws IOException {
    Header header = header(path, in, length);
    Map<String, Long> offsets = offsets(header);
    long needed = offsets.remove("");
    if (needed != length) {
      throw wrong(
          path, "must have %d bytes for the sizes in its header, got %d".formatted(needed, length));
    }
    ModelConfig config =
        new ModelConfig(
            ModelConfig.Architecture.LLAMA,
            header.layers(),
            header.width(),
            header.heads(),
            header.kvHeads(),
            header.headWidth(),
            header.inner(),
            header.context(),
            header.vocabulary(),
            null,
            null,
            0,
            EPSILON,
            THETA,
            RopeSpec.Layout.HALF,
            header.tied(),
            0.02);
    List<TensorSource> tensors = new ArrayList<>();
    for (HuggingFaceTensor tensor : PublishedModel.declared(config, false)) {
      boolean turned = tensor.name().contains(".q_proj.") || tensor.name().contains(".k_proj.");
      tensors.add(
          new Stored(
              tensor.name(),
              tensor.shape(),
              offsets.get(tensor.name()),
              turned ? header.headWidth() : 0,
              in,
              path));
    }
    Tokenizer tokenizer = Llama2cTokenizer.read(fs, path, tokenizerFile, header.vocabulary());
    return new PublishedModel(
        config,
        false,
        tensors,
        tokenizer,
        new DocumentTokens(
            OptionalInt.of(Llama2cTokenizer.BEGIN),
            Set.of(Llama2cTokenizer.BEGIN, Llama2cTokenizer.END)),
        Optional.empty(),
        PublishedModel.SAMPLING,
        in::close);
  }

  private static Header header(Path path, FSDataInputStream in, long length) throws IOException {
    if (length < HEADER_V0) {
      throw wrong(
          path,
          "must begin with a header of %d bytes, got a file of %d".formatted(HEADER_V0, length));
    }
    byte[] bytes = new byte[(int) Math.min(length, HEADER_V1)];
    in.readFully(0, bytes);
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    boolean old = header.getInt(0) != MAGIC;
    if (!old) {
      int version = header.getInt(4);
      if (version == 2) {
        throw UserException.usage(
            "%s must have weights in float32, got quantized ones (version 2): export the model again with version 0 or 1"
                .formatted(path));
      }
      if (version != 1 || length < HEADER_V1) {
        throw wrong(path, "must be of version 0 or 1, got version %d".formatted(version));
      }
      header.position(8);
    }
    int[] sizes = new int[7];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = header.getInt();
    }
    boolean tied = old ? sizes[5] > 0 : header.get() == 1;
    sizes[5] = old && sizes[5] != Integer.MIN_VALUE ? Math.abs(sizes[5]) : sizes[5];
    for (int size : sizes) {
      // No size can be larger than a file has numbers.
      if (size < 1 || size > length / Float.BYTES) {
        throw wrong(path, "cannot have the size %d in its header".formatted(size));
      }
    }
    if (sizes[2] > MOST_LAYERS) {
      throw wrong(path, "cannot have %d layers".formatted(sizes[2]));
    }
    Header read =
        new Header(
            old ? HEADER_V0 : HEADER_V1,
            sizes[0],
            sizes[1],
            sizes[2],
            sizes[3],
            sizes[4],
            sizes[5],
            sizes[6],
            tied,
            old);
    if (read.width() % read.heads() != 0
        || read.headWidth() % 2 != 0
        || read.heads() % read.kvHeads() != 0) {
      throw wrong(
          path,
          "must have heads that divide its width and have an even one, got width %d, %d heads, %d of keys and values"
              .formatted(read.width(), read.heads(), read.kvHeads()));
    }
    return read;
  }

  /** Where each tensor begins, by its name in a Hugging Face directory; under "", the end. */
  private static Map<String, Long> offsets(Header header) {
    long width = header.width();
    long keys = (long) header.kvHeads() * header.headWidth();
    long inner = header.inner();
    Map<String, Long> offsets = new TreeMap<>();
    Cursor cursor = new Cursor(header, offsets);
    if (header.old()) {
      cursor.one("model.embed_tokens.weight", header.vocabulary() * width);
      cursor.all("input_layernorm", width);
    } else {
      cursor.all("input_layernorm", width);
      cursor.all("post_attention_layernorm", width);
      cursor.one("model.norm.weight", width);
      cursor.one("model.embed_tokens.weight", header.vocabulary() * width);
    }
    cursor.all("self_attn.q_proj", width * width);
    cursor.all("self_attn.k_proj", keys * width);
    cursor.all("self_attn.v_proj", keys * width);
    cursor.all("self_attn.o_proj", width * width);
    if (header.old()) {
      cursor.all("post_attention_layernorm", width);
    }
    cursor.all("mlp.gate_proj", inner * width);
    cursor.all("mlp.down_proj", inner * width);
    cursor.all("mlp.up_proj", inner * width);
    if (header.old()) {
      cursor.one("model.norm.weight", width);
      // Cosines and sines of the rotary positions, which every model computes itself.
      cursor.skip((long) header.context() * header.headWidth());
    }
    if (!header.tied()) {
      cursor.one("lm_head.weight", header.vocabulary() * width);
    }
    offsets.put("", cursor.position);
    return offsets;
  }

  /** Walks along a file. Saturates instead of overflowing: such a file is too short. */
  private static final class Cursor {
    private final Header header;
    private final Map<String, Long> offsets;
    private long position;

    Cursor(Header header, Map<String, Long> offsets) {
      this.header = header;
      this.offsets = offsets;
      this.position = header.bytes();
    }

    void one(String name, long elements) {
      offsets.put(name, position);
      skip(elements);
    }

    void all(String part, long elements) {
      for (int layer = 0; layer < header.layers() && position < Long.MAX_VALUE; layer++) {
        one("model.layers.%d.%s.weight".formatted(layer, part), elements);
      }
    }

    void skip(long elements) {
      boolean fits = elements < (Long.MAX_VALUE - position) / Float.BYTES;
      position = fits ? position + elements * Float.BYTES : Long.MAX_VALUE;
    }
  }

  static UserException wrong(Path path, String what) {
    return UserException.failure("%s is not a valid file of llama2.c: it %s".formatted(path, what));
  }

  /**
   * A tensor of the file.
   *
   * @param headWidth rows of a head, if they are interleaved; else 0
   */
  private record Stored(
      String name, Shape shape, long begin, int headWidth, FSDataInputStream in, Path path)
      implements TensorSource {
    @Override
    public void read(long from, float[] into, int count) {
      try {
        if (headWidth == 0) {
          floats(begin + from * Float.BYTES, into, 0, count);
          return;
        }
        int columns = shape.last();
        for (int done = 0; done < count; ) {
          long index = from + done;
          int column = (int) (index % columns);
          int now = Math.min(columns - column, count - done);
          long row = index / columns;
          int inHead = (int) (row % headWidth);
          int half = headWidth / 2;
          int theirs = inHead < half ? 2 * inHead : 2 * (inHead - half) + 1;
          long at = (row - inHead + theirs) * columns + column;
          floats(begin + at * Float.BYTES, into, done, now);
          done += now;
        }
      } catch (IOException e) {
        throw HadoopFiles.explain("reading " + path, e);
      }
    }

    private void floats(long position, float[] into, int first, int count) throws IOException {
      byte[] bytes = new byte[Math.multiplyExact(count, Float.BYTES)];
      in.readFully(position, bytes);
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(into, first, count);
    }
  }
}

package dev.firesteel.format.llama2c;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** Files as llama2.c's {@code export.py} and {@code tokenizer.py} write them. */
public final class Llama2cFiles {
  static final int WIDTH = 8;
  static final int INNER = 12;
  static final int LAYERS = 2;
  static final int HEADS = 4;
  static final int KV_HEADS = 2;
  static final int CONTEXT = 16;
  static final List<String> WORDS = List.of(" ", "t", "h", "e", "a", "th", "the", " the", " a");
  static final int TOKENS = 259 + WORDS.size();

  private Llama2cFiles() {}

  /** A model whose weights are consecutive random numbers of seed 1. */
  public static byte[] model(int version, boolean tied) {
    int keys = KV_HEADS * WIDTH / HEADS;
    int size =
        TOKENS * WIDTH * (tied ? 1 : 2)
            + LAYERS * (2 * WIDTH + 2 * WIDTH * WIDTH + 2 * keys * WIDTH + 3 * INNER * WIDTH)
            + WIDTH
            + (version == 0 ? CONTEXT * WIDTH / HEADS : 0);
    int header = version == 0 ? 28 : 256;
    ByteBuffer out =
        ByteBuffer.allocate(header + size * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    if (version > 0) {
      out.putInt(0x616b3432).putInt(version);
    }
    out.putInt(WIDTH).putInt(INNER).putInt(LAYERS).putInt(HEADS).putInt(KV_HEADS);
    out.putInt(version == 0 && !tied ? -TOKENS : TOKENS).putInt(CONTEXT);
    if (version > 0) {
      out.put((byte) (tied ? 1 : 0));
    }
    out.position(header);
    Random random = new Random(1);
    while (out.hasRemaining()) {
      out.putFloat((float) random.nextGaussian());
    }
    return out.array();
  }

  /** Writes {@link #tokenizer()}. */
  public static Path tokenizer(Path file) throws IOException {
    return Files.write(file, tokenizer());
  }

  /** A tokenizer of all bytes and a few words, of which longer ones are merged first. */
  public static byte[] tokenizer() {
    ByteBuffer out = ByteBuffer.allocate(1 << 14).order(ByteOrder.LITTLE_ENDIAN).putInt(6);
    for (int id = 0; id < TOKENS; id++) {
      String text =
          id == 0
              ? "<unk>"
              : id < 3
                  ? "\n<s>\n"
                  : id < 259 ? String.format(Locale.ROOT, "<0x%02X>", id - 3) : WORDS.get(id - 259);
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      out.putFloat(id < 259 ? 0 : 259 - id).putInt(utf8.length).put(utf8);
    }
    byte[] bytes = new byte[out.position()];
    out.flip().get(bytes);
    return bytes;
  }
}

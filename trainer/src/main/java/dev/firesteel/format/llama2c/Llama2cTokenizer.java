package dev.firesteel.format.llama2c;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.VocabularyFormats;
import dev.firesteel.tokenizer.VocabularyFormats.Kind;
import dev.firesteel.tokenizer.VocabularyFormats.Token;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The tokenizer of llama2.c: the length of the longest token, then for each token its score in
 * SentencePiece, its length and its bytes, with plain spaces. The first three are the unknown token
 * and those that begin and end a document, the next 256 the bytes. Source: {@code tokenizer.py} and
 * {@code run.c} of karpathy/llama2.c.
 */
final class Llama2cTokenizer {
  static final int BEGIN = 1;
  static final int END = 2;
  private static final int FIRST_BYTE = 3;
  private static final int BYTES = 256;

  /** Larger files are no tokenizers. */
  private static final long MOST_BYTES = 1 << 26;

  private static final List<Token> BYTE_TOKENS =
      IntStream.range(0, BYTES)
          .mapToObj(b -> new Token(String.format(Locale.ROOT, "<0x%02X>", b), Kind.BYTE, 0))
          .toList();

  private Llama2cTokenizer() {}

  /**
   * Reads the tokenizer of a model.
   *
   * @param model the file with its weights
   * @param given its tokenizer's; null to look beside the weights
   * @param size tokens that the model has
   */
  static Tokenizer read(FileSystem fs, Path model, Path given, int size) throws IOException {
    FileSystem at = given == null ? fs : HadoopFiles.fileSystem(given, fs.getConf());
    Path file = given == null ? beside(fs, model, size) : given;
    if (!at.exists(file)) {
      throw UserException.usage(
          "--tokenizer %s must be the tokenizer.bin of the model, got nothing of that name"
              .formatted(file));
    }
    long length = at.getFileStatus(file).getLen();
    if (length > MOST_BYTES) {
      throw Llama2cSource.wrong(
          file, "must have at most %d bytes as a tokenizer, got %d".formatted(MOST_BYTES, length));
    }
    byte[] bytes = new byte[(int) length];
    try (FSDataInputStream in = at.open(file)) {
      in.readFully(bytes);
    }
    return VocabularyFormats.sentencePiece(tokens(file, bytes, size), true, BEGIN, file.toString())
        .endingWith(END);
  }

  private static Path beside(FileSystem fs, Path model, int size) throws IOException {
    Path own = new Path(model.getParent(), "tok%d.bin".formatted(size));
    if (fs.exists(own)) {
      return own;
    }
    Path usual = new Path(model.getParent(), "tokenizer.bin");
    if (!fs.exists(usual)) {
      throw UserException.usage(
          "%s needs its tokenizer, and neither %s nor %s is there: give it with --tokenizer"
              .formatted(model, usual, own.getName()));
    }
    return usual;
  }

  private static List<Token> tokens(Path file, byte[] bytes, int size) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (size < FIRST_BYTE + BYTES || in.remaining() < Integer.BYTES) {
      throw Llama2cSource.wrong(
          file, "must have the 259 tokens that every tokenizer has, got %d".formatted(size));
    }
    in.getInt(); // the longest token
    List<Token> tokens = new ArrayList<>();
    for (int id = 0; id < size; id++) {
      if (in.remaining() < 2 * Integer.BYTES) {
        throw Llama2cSource.wrong(
            file, "must have %d tokens as the model has, got %d".formatted(size, id));
      }
      float score = in.getFloat();
      int length = in.getInt();
      if (length < 0 || length > in.remaining()) {
        throw Llama2cSource.wrong(
            file,
            "has %d bytes for the token %d of %d bytes".formatted(in.remaining(), id, length));
      }
      String text = new String(bytes, in.position(), length, StandardCharsets.UTF_8);
      in.position(in.position() + length);
      tokens.add(token(id, text, Float.isNaN(score) ? 0 : score));
    }
    if (in.hasRemaining()) {
      throw UserException.usage(
          "%s must have %d tokens as the model has, got more: it is the tokenizer of another model"
              .formatted(file, size));
    }
    return tokens;
  }

  private static Token token(int id, String text, float score) {
    return switch (id) {
      case 0 -> new Token("<unk>", Kind.UNKNOWN, 0);
      case BEGIN -> new Token("<s>", Kind.CONTROL, 0);
      case END -> new Token("</s>", Kind.CONTROL, 0);
      default ->
          id < FIRST_BYTE + BYTES
              ? BYTE_TOKENS.get(id - FIRST_BYTE)
              : new Token(text.replace(' ', '\u2581'), Kind.NORMAL, score);
    };
  }
}

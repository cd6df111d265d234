package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** A text cut into its tokens, each with its id. Special tokens spelled out are such tokens. */
public final class TokenText {
  /** Backgrounds of consecutive tokens on a terminal of 256 colours, all with black letters. */
  private static final int[] COLOURS = {153, 229, 157, 218, 223, 189};

  private final Tokenizer tokenizer;
  private final String text;
  private final int[] ids;

  private TokenText(Tokenizer tokenizer, String text, int[] ids) {
    this.tokenizer = tokenizer;
    this.text = text;
    this.ids = ids;
  }

  /** Cuts a text. */
  public static TokenText of(Tokenizer tokenizer, String text) {
    return new TokenText(tokenizer, text, tokenizer.encodeWithSpecialTokens(text));
  }

  /**
   * The tokenizer of a path: a {@code tokenizer.json}, a folder with one (a model, a checkpoint,
   * prepared data), or a run.
   *
   * @throws UserException if there is none, or it is damaged
   */
  public static Tokenizer tokenizer(Path path, Configuration hadoop) {
    try {
      Source source = Source.of(path, hadoop);
      if (!source.isFolder()) {
        return TokenizerFiles.read(source.fs(), path);
      }
      Path folder = source.has(ModelDirectory.TOKENIZER) ? path : SavedModel.find(path, hadoop);
      return ModelDirectory.readTokenizer(source.fs(), folder);
    } catch (FileNotFoundException e) {
      throw UserException.usage(
          "%s must be a tokenizer.json, or a folder with one, got nothing of that name: correct the path"
              .formatted(path),
          e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the tokenizer of " + path, e);
    }
  }

  /** The text of one token, quoted, with what is no text escaped. */
  static String quoted(Tokenizer tokenizer, int id) {
    return '"' + plain(tokenizer, id) + '"';
  }

  /** The text of one token; bytes that are no whole characters as {@code <0xE2>}. */
  static String plain(Tokenizer tokenizer, int id) {
    byte[] bytes = tokenizer.decodeBytes(id);
    try {
      return InspectionText.printable(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException e) {
      return IntStream.range(0, bytes.length)
          .mapToObj(i -> String.format(Locale.ROOT, "<0x%02X>", bytes[i]))
          .collect(Collectors.joining());
    }
  }

  /** {@code [The 464][ quick 2068]}: line ends of the text end a line. */
  public String bracketed() {
    StringBuilder out = new StringBuilder();
    for (int id : ids) {
      out.append('[').append(plain(tokenizer, id)).append(' ').append(id).append(']');
      endLine(out, id);
    }
    return out.toString();
  }

  /** As colours of a terminal: each token on a background, its id after it. */
  public String coloured() {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < ids.length; i++) {
      out.append(
          "\u001b[30;48;5;%dm%s\u001b[0m\u001b[2m%d\u001b[0m "
              .formatted(COLOURS[i % COLOURS.length], plain(tokenizer, ids[i]), ids[i]));
      endLine(out, ids[i]);
    }
    return out.toString();
  }

  private void endLine(StringBuilder out, int id) {
    if (plain(tokenizer, id).endsWith("\\n")) {
      out.append('\n');
    }
  }

  /** How many tokens the text has, and how long they are. */
  public String summary() {
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    return String.format(
        Locale.ROOT,
        "%d tokens, %d bytes, %.2f bytes per token",
        ids.length,
        bytes,
        (double) bytes / Math.max(1, ids.length));
  }

  /** A JSON list with {@code id}, {@code token} and {@code text} of each. */
  public String toJson() {
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    for (int id : ids) {
      list.addObject()
          .put("id", id)
          .put("token", tokenizer.token(id))
          .put("text", tokenizer.decode(id))
          .put("special", tokenizer.isSpecial(id));
    }
    return list.toPrettyString();
  }
}

package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Turns tokens into text one at a time, as a file's {@code decoder} demands. What it writes depends
 * on the tokens before, so each text needs a decoder of its own.
 */
interface TokenDecoder {
  /** Receives text, and bytes that need not be UTF-8. */
  interface Sink {
    void text(String text);

    void bytes(byte[] bytes);
  }

  /** Writes what {@code token} completes. */
  void append(String token, Sink sink);

  /** The rest, at the end of the tokens. */
  void end(Sink sink);

  /** Reads the decoders of models other than byte-level BPE. */
  static Supplier<TokenDecoder> read(TokenizerJson json, JsonNode node) {
    String type = node.path("type").asText();
    return switch (type) {
      case "WordPiece" -> {
        json.requireKeys("decoder", node, "prefix", "cleanup");
        String prefix = json.text("decoder", node, "prefix");
        boolean cleanup = json.flag("decoder", node, "cleanup");
        yield () -> new OfWordPiece(prefix, cleanup);
      }
      case "Metaspace" -> {
        Metaspace metaspace = Metaspace.read(json, "decoder", node);
        yield () -> new OfMetaspace(metaspace);
      }
      case "Sequence" -> {
        json.requireKeys("decoder", node, "decoders");
        yield sequence(json, json.list("decoder", node, "decoders"));
      }
      default ->
          throw json.unsupported(
              "decoder %s is not supported with this model: it must be WordPiece, Metaspace, or a Sequence of Replace, ByteFallback, Fuse and Strip"
                  .formatted(TokenizerJson.describe(node)));
    };
  }

  private static Supplier<TokenDecoder> sequence(TokenizerJson json, JsonNode steps) {
    List<Replacement> replacements = new ArrayList<>();
    boolean byteFallback = false;
    boolean fuse = false;
    String strip = "";
    int stripped = 0;
    String last = "";
    for (JsonNode step : steps) {
      String type = step.path("type").asText();
      boolean inOrder =
          switch (type) {
            case "Replace" -> !fuse && !byteFallback;
            case "ByteFallback" -> !byteFallback && !fuse;
            case "Fuse" -> !fuse;
            case "Strip" -> last.equals("Fuse");
            default -> false;
          };
      if (!inOrder) {
        throw json.unsupported(
            "decoder Sequence must be Replace, ByteFallback, Fuse and Strip in this order, got %s%s"
                .formatted(TokenizerJson.describe(step), last.isEmpty() ? "" : " after " + last));
      }
      switch (type) {
        case "Replace" -> replacements.add(Replacement.read(json, "decoder", step));
        case "ByteFallback" -> byteFallback = true;
        case "Fuse" -> fuse = true;
        case "Strip" -> {
          json.requireKeys("decoder", step, "content", "start", "stop");
          strip = json.text("decoder", step, "content");
          stripped = step.path("start").asInt();
          if (step.path("stop").asInt() != 0 || strip.length() != 1 || stripped < 0) {
            throw json.unsupported(
                "decoder Strip is supported with one character at the start only, got " + step);
          }
        }
        default -> {}
      }
      last = type;
    }
    boolean bytes = byteFallback;
    char stripCharacter = strip.isEmpty() ? 0 : strip.charAt(0);
    int stripCount = stripped;
    return () -> new OfBytesAndPieces(replacements, bytes, stripCharacter, stripCount);
  }

  /** BERT's: a space before each token that does not continue a word. */
  final class OfWordPiece implements TokenDecoder {
    private final String prefix;
    private final boolean cleanup;
    private boolean first = true;

    OfWordPiece(String prefix, boolean cleanup) {
      this.prefix = prefix;
      this.cleanup = cleanup;
    }

    @Override
    public void append(String token, Sink sink) {
      String text = token;
      if (!first) {
        text = token.startsWith(prefix) ? token.substring(prefix.length()) : " " + token;
      }
      first = false;
      sink.text(cleanup ? cleaned(text) : text);
    }

    /** The space before punctuation and English contractions, in each token by itself. */
    private static String cleaned(String token) {
      return token
          .replace(" .", ".")
          .replace(" ?", "?")
          .replace(" !", "!")
          .replace(" ,", ",")
          .replace(" ' ", "'")
          .replace(" n't", "n't")
          .replace(" 'm", "'m")
          .replace(" do not", " don't")
          .replace(" 's", "'s")
          .replace(" 've", "'ve")
          .replace(" 're", "'re");
    }

    @Override
    public void end(Sink sink) {}
  }

  /** SentencePiece's: replacements are spaces, save those of the first token. */
  final class OfMetaspace implements TokenDecoder {
    private final Metaspace metaspace;
    private boolean first;

    OfMetaspace(Metaspace metaspace) {
      this.metaspace = metaspace;
      this.first = metaspace.scheme() != Metaspace.Scheme.NEVER;
    }

    @Override
    public void append(String token, Sink sink) {
      sink.text(token.replace(metaspace.replacement(), first ? "" : " "));
      first = false;
    }

    @Override
    public void end(Sink sink) {}
  }

  /**
   * Llama 2's. The tokens of bytes that follow one another become text together, and each of them
   * U+FFFD if they are not UTF-8.
   */
  final class OfBytesAndPieces implements TokenDecoder {
    private final List<Replacement> replacements;
    private final boolean byteFallback;
    private final char strippedCharacter;
    private int toStrip;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    OfBytesAndPieces(
        List<Replacement> replacements, boolean byteFallback, char strippedCharacter, int toStrip) {
      this.replacements = replacements;
      this.byteFallback = byteFallback;
      this.strippedCharacter = strippedCharacter;
      this.toStrip = toStrip;
    }

    @Override
    public void append(String token, Sink sink) {
      String text = token;
      for (Replacement replacement : replacements) {
        text = replacement.apply(text);
      }
      int b = byteFallback ? byteOf(text) : -1;
      if (b >= 0) {
        bytes.write(b);
        return;
      }
      end(sink);
      sink.text(stripped(text));
    }

    @Override
    public void end(Sink sink) {
      if (bytes.size() == 0) {
        return;
      }
      byte[] run = bytes.toByteArray();
      bytes.reset();
      if (Utf8.isValid(run)) {
        sink.text(stripped(Utf8.decode(run)));
      } else {
        toStrip = 0;
        sink.bytes(run);
      }
    }

    /** Strips from the beginning of all text, up to the first character that stays. */
    private String stripped(String text) {
      int start = 0;
      while (toStrip > 0 && start < text.length()) {
        if (text.charAt(start) == strippedCharacter) {
          start++;
          toStrip--;
        } else {
          toStrip = 0;
        }
      }
      return text.substring(start);
    }

    /** The byte of {@code <0xE2>}, or -1. */
    private static int byteOf(String token) {
      if (token.length() != 6 || !token.startsWith("<0x") || token.charAt(5) != '>') {
        return -1;
      }
      int high = Character.digit(token.charAt(3), 16);
      int low = Character.digit(token.charAt(4), 16);
      return high < 0 || low < 0 ? -1 : 16 * high + low;
    }
  }
}

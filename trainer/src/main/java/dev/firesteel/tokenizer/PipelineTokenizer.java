package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Supplier;

/**
 * A tokenizer in the steps of a {@code tokenizer.json}: added tokens are cut out, the text between
 * them is normalized, split into words and encoded word by word; a decoder turns tokens into text.
 * For the models that are not over bytes: WordPiece and BPE over characters.
 *
 * <p>Decoding need not give the text that was encoded: normalizers change it, and characters that
 * the vocabulary lacks may become the unknown token.
 */
final class PipelineTokenizer implements Tokenizer {
  private static final String INVALID = "\uFFFD";

  /** The components as the file has them; null where it has none. */
  private record Components(
      TokenizerJson.Body normalizer,
      TokenizerJson.Body preTokenizer,
      TokenizerJson.Body postProcessor,
      TokenizerJson.Body decoder) {
    static Components of(JsonNode root) {
      return new Components(
          TokenizerJson.verbatim(root.path("normalizer")),
          TokenizerJson.verbatim(root.path("pre_tokenizer")),
          TokenizerJson.verbatim(root.path("post_processor")),
          TokenizerJson.verbatim(root.path("decoder")));
    }
  }

  private final Components components;
  private final Vocabulary vocabulary;
  private final AddedTokens addedTokens;
  private final PreTokenizer preTokenizer;
  private final WordEncoder model;
  private final Supplier<TokenDecoder> decoder;
  private final SequenceTokens sequenceTokens;

  private PipelineTokenizer(
      Components components,
      Vocabulary vocabulary,
      AddedTokens addedTokens,
      PreTokenizer preTokenizer,
      WordEncoder model,
      Supplier<TokenDecoder> decoder,
      SequenceTokens sequenceTokens) {
    this.components = components;
    this.vocabulary = vocabulary;
    this.addedTokens = addedTokens;
    this.preTokenizer = preTokenizer;
    this.model = model;
    this.decoder = decoder;
    this.sequenceTokens = sequenceTokens;
  }

  /** Reads a file whose model is WordPiece, or BPE over characters. */
  static PipelineTokenizer read(TokenizerJson json, boolean wordPiece) {
    JsonNode root = json.root();
    json.requireAbsent(root, "truncation");
    json.requireAbsent(root, "padding");
    Normalizer normalizer = Normalizers.read(json, root.path("normalizer"));
    PreTokenizer preTokenizer =
        PreTokenizer.read(json, root.path("pre_tokenizer"), root.path("normalizer"));
    Supplier<TokenDecoder> decoder = TokenDecoder.read(json, root.path("decoder"));
    List<AddedToken> added = json.addedTokens();
    for (AddedToken token : added) {
      if (token.normalized() && normalizer.normalize(token.content()).isEmpty()) {
        throw json.unsupported(
            "the added token '%s' is not supported: normalized it is empty"
                .formatted(token.content()));
      }
    }
    String[] tokens = json.vocabulary(added);
    byte[][] bytes = new byte[tokens.length][];
    for (int id = 0; id < tokens.length; id++) {
      bytes[id] = tokens[id].getBytes(StandardCharsets.UTF_8);
    }
    return new PipelineTokenizer(
        Components.of(root),
        new Vocabulary(tokens, bytes, added),
        new AddedTokens(added, normalizer),
        preTokenizer,
        wordPiece ? WordPiece.read(json, added) : CharacterBpe.read(json, added, tokens),
        decoder,
        PostProcessors.read(json, root.path("post_processor"), tokens.length));
  }

  @Override
  public PipelineTokenizer endingWith(int id) {
    return new PipelineTokenizer(
        components,
        vocabulary.endingWith(id),
        addedTokens,
        preTokenizer,
        model,
        decoder,
        sequenceTokens);
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public int[] encode(String text) {
    return encode(text, false);
  }

  @Override
  public int[] encodeWithSpecialTokens(String text) {
    return encode(text, true);
  }

  private int[] encode(String text, boolean withSpecial) {
    IntList ids = new IntList(text.length() / 3 + 16);
    PreTokenizer.Words words = (word, start, end) -> model.encode(word, start, end, ids);
    addedTokens.cutNormalized(
        Utf8.wellFormed(text),
        withSpecial,
        new AddedTokens.NormalizedParts() {
          @Override
          public void text(String normalized, int start, int end, boolean first) {
            preTokenizer.split(normalized, start, end, first, words);
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
    return ids.toArray();
  }

  @Override
  public String decode(int... ids) {
    StringBuilder text = new StringBuilder();
    TokenDecoder.Sink sink = into(text);
    TokenDecoder decoding = decoder.get();
    for (int id : ids) {
      decoding.append(vocabulary.token(id), sink);
    }
    decoding.end(sink);
    return text.toString();
  }

  /** A sink that writes each byte of what is not UTF-8 as U+FFFD. */
  private static TokenDecoder.Sink into(StringBuilder target) {
    return new TokenDecoder.Sink() {
      @Override
      public void text(String text) {
        target.append(text);
      }

      @Override
      public void bytes(byte[] bytes) {
        target.append(INVALID.repeat(bytes.length));
      }
    };
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    TokenDecoder.Sink sink =
        new TokenDecoder.Sink() {
          @Override
          public void text(String text) {
            all.writeBytes(text.getBytes(StandardCharsets.UTF_8));
          }

          @Override
          public void bytes(byte[] bytes) {
            all.writeBytes(bytes);
          }
        };
    TokenDecoder decoding = decoder.get();
    for (int id : ids) {
      decoding.append(vocabulary.token(id), sink);
    }
    decoding.end(sink);
    return all.toByteArray();
  }

  @Override
  public StreamingDecoder streamingDecoder() {
    return new StreamingDecoder(
        new StreamingDecoder.Steps() {
          private TokenDecoder decoding = decoder.get();

          @Override
          public String append(int id) {
            StringBuilder text = new StringBuilder();
            decoding.append(vocabulary.token(id), into(text));
            return text.toString();
          }

          @Override
          public String flush() {
            StringBuilder text = new StringBuilder();
            decoding.end(into(text));
            return text.toString();
          }

          @Override
          public String end() {
            String rest = flush();
            decoding = decoder.get();
            return rest;
          }
        });
  }

  @Override
  public OptionalInt id(String token) {
    return vocabulary.id(token);
  }

  @Override
  public String token(int id) {
    return vocabulary.token(id);
  }

  @Override
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  @Override
  public OptionalInt endOfText() {
    return vocabulary.endOfText();
  }

  @Override
  public SequenceTokens sequenceTokens() {
    return sequenceTokens;
  }

  @Override
  public String toJson() {
    return TokenizerJson.write(
        addedTokens.tokens(),
        components.normalizer(),
        components.preTokenizer(),
        components.postProcessor(),
        components.decoder(),
        model::write);
  }
}

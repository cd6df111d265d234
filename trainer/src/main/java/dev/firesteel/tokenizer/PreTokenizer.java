package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;

/** Splits a text into words, as a file's {@code pre_tokenizer} demands. */
interface PreTokenizer {
  /** Receives the words from left to right. */
  interface Words {
    /** Called with the word {@code text[start, end)}, which is not empty. */
    void word(String text, int start, int end);
  }

  /**
   * Splits {@code text[start, end)}.
   *
   * @param first whether this is the beginning of the whole text
   */
  void split(String text, int start, int end, boolean first, Words words);

  /** Reads the pre-tokenizers of models other than byte-level BPE. */
  static PreTokenizer read(TokenizerJson json, JsonNode node, JsonNode normalizer) {
    if (node.isMissingNode() || node.isNull()) {
      return (text, start, end, first, words) -> words.word(text, start, end);
    }
    return switch (node.path("type").asText()) {
      case "BertPreTokenizer" -> {
        json.requireKeys("pre_tokenizer", node);
        yield PreTokenizer::splitLikeBert;
      }
      case "Metaspace" -> {
        Metaspace metaspace = Metaspace.read(json, "pre_tokenizer", node);
        if (metaspace.scheme() == Metaspace.Scheme.FIRST && Normalizers.removes(normalizer)) {
          throw json.unsupported(
              "pre_tokenizer Metaspace with prepend_scheme first is not supported after a normalizer that may remove the beginning of a text");
        }
        yield metaspace;
      }
      default ->
          throw json.unsupported(
              "pre_tokenizer %s is not supported with this model: it must be absent, Metaspace or BertPreTokenizer"
                  .formatted(TokenizerJson.describe(node)));
    };
  }

  /** Words are what stands between white space; each punctuation character is one, too. */
  private static void splitLikeBert(String text, int start, int end, boolean first, Words words) {
    int wordStart = start;
    for (int i = start; i < end; ) {
      int codePoint = text.codePointAt(i);
      int next = i + Character.charCount(codePoint);
      boolean space = UnicodeClasses.of(codePoint) == UnicodeClasses.SPACE;
      if (space || BertNormalizer.isPunctuation(codePoint)) {
        if (wordStart < i) {
          words.word(text, wordStart, i);
        }
        if (!space) {
          words.word(text, i, next);
        }
        wordStart = next;
      }
      i = next;
    }
    if (wordStart < end) {
      words.word(text, wordStart, end);
    }
  }
}

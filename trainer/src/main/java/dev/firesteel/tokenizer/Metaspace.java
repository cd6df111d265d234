package dev.firesteel.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * SentencePiece's spaces: each becomes the replacement ({@code ▁}), one more is put before the
 * text, and, if it splits, each begins a word.
 *
 * @param replacement one character
 * @param scheme where a replacement is put before a text that does not begin with one
 */
record Metaspace(String replacement, Scheme scheme, boolean split) implements PreTokenizer {
  /** Which of the parts between special tokens get a space before them. */
  enum Scheme {
    ALWAYS,
    FIRST,
    NEVER
  }

  /** Reads {@code prepend_scheme} and the older {@code add_prefix_space}. */
  static Metaspace read(TokenizerJson json, String component, JsonNode node) {
    json.requireKeys(
        component, node, "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split");
    String replacement = json.text(component, node, "replacement");
    if (replacement.codePointCount(0, replacement.length()) != 1) {
      throw json.damaged(
          "replacement of %s Metaspace must be one character, got \"%s\""
              .formatted(component, replacement));
    }
    boolean prefix =
        !node.has("add_prefix_space") || json.flag(component, node, "add_prefix_space");
    Scheme scheme =
        node.has("prepend_scheme")
            ? scheme(json, component, json.text(component, node, "prepend_scheme"))
            : prefix ? Scheme.ALWAYS : Scheme.NEVER;
    if (!prefix && scheme != Scheme.NEVER) {
      throw json.damaged(
          "%s Metaspace has add_prefix_space false, which contradicts its prepend_scheme %s"
              .formatted(component, node.path("prepend_scheme").asText()));
    }
    boolean split = !node.has("split") || json.flag(component, node, "split");
    return new Metaspace(replacement, scheme, split);
  }

  private static Scheme scheme(TokenizerJson json, String component, String name) {
    return switch (name) {
      case "always" -> Scheme.ALWAYS;
      case "first" -> Scheme.FIRST;
      case "never" -> Scheme.NEVER;
      default ->
          throw json.unsupported(
              "prepend_scheme of %s Metaspace must be always, first or never, got %s"
                  .formatted(component, name));
    };
  }

  @Override
  public void split(String text, int start, int end, boolean first, Words words) {
    String spaced = text.substring(start, end).replace(" ", replacement);
    boolean prepends = scheme == Scheme.ALWAYS || (scheme == Scheme.FIRST && first);
    if (prepends && !spaced.startsWith(replacement)) {
      spaced = replacement + spaced;
    }
    int wordStart = 0;
    for (int next = 0; split && next >= 0; ) {
      next = spaced.indexOf(replacement, wordStart + 1);
      if (next > 0) {
        words.word(spaced, wordStart, next);
        wordStart = next;
      }
    }
    words.word(spaced, wordStart, spaced.length());
  }
}

package dev.firesteel.chat;

import dev.firesteel.error.UserException;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Turns spans into tokens. Special tokens that the template spells out become their ids; the text
 * between them is encoded as plain text, with the characters that were typed, as Hugging Face's
 * library encodes a rendered conversation. What was typed is never part of a special token.
 */
final class SpanTokenizer {
  /** The space that SentencePiece puts before a text. */
  private static final String SPACE = "\u2581";

  private static final List<String> ANCHORS = List.of("\n", "a", ".");

  /** A special token and the white space that it takes with it. */
  private record Special(int id, String text, boolean left, boolean right) {}

  private final Tokenizer tokenizer;
  private final Map<Character, List<String>> specialTexts = new HashMap<>();
  private final Map<Integer, Special> specials = new ConcurrentHashMap<>();
  private final boolean prependsSpace;

  SpanTokenizer(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      String text = tokenizer.token(id);
      if (tokenizer.isSpecial(id) && !text.isEmpty()) {
        specialTexts.computeIfAbsent(text.charAt(0), first -> new ArrayList<>()).add(text);
      }
    }
    specialTexts
        .values()
        .forEach(texts -> texts.sort(Comparator.comparingInt(String::length).reversed()));
    this.prependsSpace = ANCHORS.stream().anyMatch(this::getsSpaceBefore);
  }

  /** Whether a space is put before a text that has none; a tokenizer of characters puts none. */
  private boolean getsSpaceBefore(String text) {
    try {
      int[] tokens = tokenizer.encode(text);
      return tokens.length > 0 && tokenizer.token(tokens[0]).startsWith(SPACE);
    } catch (UserException e) {
      return false;
    }
  }

  /**
   * The tokens of a span.
   *
   * @param previous the token before it; -1 if there is none
   */
  int[] encode(TextSpan span, int previous) {
    String text = span.text();
    boolean afterSpecial = previous >= 0 && tokenizer.isSpecial(previous);
    BitSet typed = new BitSet();
    int at = 0;
    for (TextSpan.Piece piece : span.pieces()) {
      typed.set(at, at + piece.text().length(), piece.typed());
      at += piece.text().length();
    }
    List<int[]> parts = new ArrayList<>();
    boolean continued = previous >= 0 && !afterSpecial;
    int start = 0;
    if (afterSpecial && special(previous).right()) {
      while (start < text.length() && Character.isWhitespace(text.charAt(start))) {
        start++;
      }
    }
    for (int i = start; i < text.length(); ) {
      Special special = specialAt(text, typed, i);
      if (special == null) {
        i++;
        continue;
      }
      int end = i + special.text().length();
      int plainEnd = i;
      while (special.left()
          && plainEnd > start
          && Character.isWhitespace(text.charAt(plainEnd - 1))) {
        plainEnd--;
      }
      while (special.right() && end < text.length() && Character.isWhitespace(text.charAt(end))) {
        end++;
      }
      parts.add(plain(text.substring(start, plainEnd), continued));
      parts.add(new int[] {special.id()});
      continued = false;
      start = end;
      i = end;
    }
    parts.add(plain(text.substring(start), continued));
    return parts.stream().flatMapToInt(Arrays::stream).toArray();
  }

  private Special specialAt(String text, BitSet typed, int at) {
    for (String special : specialTexts.getOrDefault(text.charAt(at), List.of())) {
      int next = typed.nextSetBit(at);
      if (text.startsWith(special, at) && (next < 0 || next >= at + special.length())) {
        return special(tokenizer.id(special).orElseThrow());
      }
    }
    return null;
  }

  private Special special(int token) {
    return specials.computeIfAbsent(
        token,
        id -> {
          String text = tokenizer.token(id);
          boolean left = tokenizer.encodeWithSpecialTokens(" " + text).length == 1;
          boolean right = tokenizer.encodeWithSpecialTokens(text + " ").length == 1;
          return new Special(id, text, left, right);
        });
  }

  /**
   * The tokens of plain text. Where it continues other text, without the space that some tokenizers
   * put before a text: encoded after a character, whose tokens are then taken away.
   */
  int[] plain(String text, boolean continues) {
    if (text.isEmpty()) {
      return new int[0];
    }
    if (!continues || !prependsSpace) {
      return tokenizer.encode(text);
    }
    for (String anchor : ANCHORS) {
      int[] before = tokenizer.encode(anchor);
      int[] both = tokenizer.encode(anchor + text);
      if (both.length > before.length
          && Arrays.equals(before, Arrays.copyOf(both, before.length))) {
        return Arrays.copyOfRange(both, before.length, both.length);
      }
    }
    throw UserException.usage(
        "the tokenizer must encode an answer apart from its prompt, but joins its beginning with what precedes it: \"%s\"; begin the answer otherwise"
            .formatted(text.substring(0, Math.min(40, text.length()))));
  }
}

package dev.firesteel.serve;

import dev.firesteel.generate.EngineToken;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.TokenScores;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * One completion of an answer as it grows: its text, and tokens with log-probabilities, which are
 * released together with the text that they are part of.
 */
final class Choice {
  private final Tokenizer tokenizer;
  private final StringBuilder text = new StringBuilder();
  private final List<ScoredText> tokens = new ArrayList<>();
  private final List<TokenScores> heldBack = new ArrayList<>();
  private String reason;
  private int sentText;
  private int sentTokens;
  private long lastNanos;

  Choice(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Puts a prompt before the text. */
  void echo(String prompt, List<ScoredText> scores) {
    text.append(prompt);
    tokens.addAll(scores);
  }

  /** Adds a token. */
  void add(EngineToken token) {
    if (!token.ends()) {
      token.scores().ifPresent(heldBack::add);
    }
    int offset = text.length();
    text.append(token.text());
    boolean stopped =
        token.reason().filter(each -> each == FinishReason.STOP).isPresent() && !token.ends();
    int room = stopped ? token.text().length() : Integer.MAX_VALUE;
    if (!token.text().isEmpty() || token.reason().isPresent()) {
      for (TokenScores scores : heldBack) {
        // Of a stop string, and not of the text before it.
        if (room <= 0) {
          break;
        }
        tokens.add(new ScoredText(Math.min(offset, text.length()), scores));
        int length = ScoredText.text(tokenizer, scores.token()).length();
        offset += length;
        room -= length;
      }
      heldBack.clear();
    }
    token.reason().ifPresent(this::end);
  }

  private void end(FinishReason why) {
    reason =
        switch (why) {
          case STOP -> "stop";
          case LENGTH, CONTEXT -> "length";
        };
  }

  /** Ends it without a token. */
  void endAtLength() {
    reason = "length";
  }

  /** All text. */
  String text() {
    return text.toString();
  }

  /** All tokens. */
  List<ScoredText> tokens() {
    return List.copyOf(tokens);
  }

  /** Why it has ended. */
  String reason() {
    return reason;
  }

  /** The text since the last call. */
  String newText() {
    String added = text.substring(sentText);
    sentText = text.length();
    return added;
  }

  /** The tokens since the last call. */
  List<ScoredText> newTokens() {
    List<ScoredText> added = List.copyOf(tokens.subList(sentTokens, tokens.size()));
    sentTokens = tokens.size();
    return added;
  }

  /** Nanoseconds since the token before; 0 for the first. */
  long nanosSinceLast() {
    long now = System.nanoTime();
    long since = lastNanos == 0 ? 0 : now - lastNanos;
    lastNanos = now;
    return since;
  }
}

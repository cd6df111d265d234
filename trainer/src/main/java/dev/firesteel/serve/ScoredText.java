package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.generate.TokenScores;
import dev.firesteel.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A token of an answer with its log-probability and its alternatives.
 *
 * @param offset where its text begins in the answer, in UTF-16 units
 * @param scores of the model
 */
record ScoredText(int offset, TokenScores scores) {
  /** The text of a token alone; a part of a character is U+FFFD. */
  static String text(Tokenizer tokenizer, int token) {
    return new String(tokenizer.decodeBytes(token), StandardCharsets.UTF_8);
  }

  /** The form of chat completions: {@code [{token, logprob, bytes, top_logprobs}]}. */
  static ArrayNode content(Tokenizer tokenizer, List<ScoredText> tokens) {
    ArrayNode content = Json.object().arrayNode();
    for (ScoredText each : tokens) {
      TokenScores scores = each.scores();
      ObjectNode entry = content.addObject();
      put(entry, tokenizer, scores.token(), scores.logProb());
      ArrayNode top = entry.putArray("top_logprobs");
      for (TokenScores.Scored other : scores.top()) {
        put(top.addObject(), tokenizer, other.token(), other.logProb());
      }
    }
    return content;
  }

  private static void put(ObjectNode entry, Tokenizer tokenizer, int token, double logProb) {
    entry.put("token", text(tokenizer, token)).put("logprob", finite(logProb));
    ArrayNode bytes = entry.putArray("bytes");
    for (byte each : tokenizer.decodeBytes(token)) {
      bytes.add(each & 0xff);
    }
  }

  /** JSON has no infinity; OpenAI writes -9999 for the log-probability of what is impossible. */
  private static double finite(double logProb) {
    return Math.max(logProb, -9999);
  }

  /** The form of completions: {@code {tokens, token_logprobs, top_logprobs, text_offset}}. */
  static ObjectNode lists(Tokenizer tokenizer, List<ScoredText> tokens) {
    ObjectNode lists = Json.object();
    ArrayNode texts = lists.putArray("tokens");
    ArrayNode logProbs = lists.putArray("token_logprobs");
    ArrayNode tops = lists.putArray("top_logprobs");
    ArrayNode offsets = lists.putArray("text_offset");
    for (ScoredText each : tokens) {
      TokenScores scores = each.scores();
      texts.add(text(tokenizer, scores.token()));
      offsets.add(each.offset());
      if (Double.isNaN(scores.logProb())) {
        // The first token of a prompt follows nothing.
        logProbs.addNull();
        tops.addNull();
        continue;
      }
      logProbs.add(finite(scores.logProb()));
      ObjectNode top = tops.addObject();
      for (TokenScores.Scored other : scores.top()) {
        top.put(text(tokenizer, other.token()), finite(other.logProb()));
      }
    }
    return lists;
  }
}

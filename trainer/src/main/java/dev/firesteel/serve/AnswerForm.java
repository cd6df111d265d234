package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;

/** How answers look: those of chat completions, and those of completions. */
enum AnswerForm {
  /** {@code /v1/chat/completions}. */
  CHAT("chatcmpl-", "chat.completion", "chat.completion.chunk"),
  /** {@code /v1/completions}. */
  TEXT("cmpl-", "text_completion", "text_completion"),
  /** The same with log-probabilities as in chat completions: {@code "logprobs": true}. */
  TEXT_WITH_CONTENT("cmpl-", "text_completion", "text_completion");

  private final String prefix;
  private final String whole;
  private final String chunk;

  AnswerForm(String prefix, String whole, String chunk) {
    this.prefix = prefix;
    this.whole = whole;
    this.chunk = chunk;
  }

  /** What an answer's name begins with. */
  String prefix() {
    return prefix;
  }

  /** The type of an answer, or of a part of one. */
  String object(boolean part) {
    return part ? chunk : whole;
  }

  /** What a stream of a choice begins with; empty if with nothing. */
  Optional<ObjectNode> opening(int index) {
    if (this != CHAT) {
      return Optional.empty();
    }
    ObjectNode choice = Json.object().put("index", index);
    choice.putObject("delta").put("role", "assistant").put("content", "");
    choice.putNull("logprobs").putNull("finish_reason");
    return Optional.of(choice);
  }

  /**
   * A whole choice.
   *
   * @param tokens with their log-probabilities, if they are wanted
   */
  ObjectNode choice(
      int index,
      String text,
      Optional<List<ScoredText>> tokens,
      String reason,
      Tokenizer tokenizer) {
    ObjectNode choice = Json.object().put("index", index);
    if (this == CHAT) {
      choice.putObject("message").put("role", "assistant").put("content", text).putNull("refusal");
    } else {
      choice.put("text", text);
    }
    putScores(choice, tokens, tokenizer);
    return choice.put("finish_reason", reason);
  }

  /**
   * A part of a choice.
   *
   * @param reason why it has ended; empty if it has not
   */
  ObjectNode part(
      int index,
      String text,
      Optional<List<ScoredText>> tokens,
      Optional<String> reason,
      Tokenizer tokenizer) {
    ObjectNode choice = Json.object().put("index", index);
    if (this == CHAT) {
      ObjectNode delta = choice.putObject("delta");
      if (reason.isEmpty() || !text.isEmpty()) {
        delta.put("content", text);
      }
    } else {
      choice.put("text", text);
    }
    putScores(choice, tokens, tokenizer);
    return choice.put("finish_reason", reason.orElse(null));
  }

  private void putScores(
      ObjectNode choice, Optional<List<ScoredText>> tokens, Tokenizer tokenizer) {
    if (tokens.isEmpty()) {
      choice.putNull("logprobs");
    } else if (this == TEXT) {
      choice.set("logprobs", ScoredText.lists(tokenizer, tokens.get()));
    } else {
      List<ScoredText> following =
          tokens.get().stream().filter(each -> !Double.isNaN(each.scores().logProb())).toList();
      ObjectNode logProbs = choice.putObject("logprobs");
      logProbs.set("content", ScoredText.content(tokenizer, following));
      if (this == CHAT) {
        logProbs.putNull("refusal");
      }
    }
  }
}

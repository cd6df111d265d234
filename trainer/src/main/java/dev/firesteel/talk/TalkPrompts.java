package dev.firesteel.talk;

import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.Message;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Messages as the tokens that a model continues: through its chat template, or as they are for a
 * model without one.
 *
 * <p>What does not fit is left out from the oldest message on, in whole exchanges, so that a
 * quarter of the context, or the most tokens of an answer if that is less, is left for the answer.
 */
public final class TalkPrompts {
  private static final int CONTEXT_PER_ANSWER = 4;

  private final Optional<ChatTokens> chat;
  private final Tokenizer tokenizer;
  private final DocumentTokens documents;
  private final int contextLength;

  /**
   * Tokens of a conversation.
   *
   * @param firstSeen the first message that is in them
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Prompt(int[] tokens, int firstSeen) {}

  private TalkPrompts(
      Optional<ChatTokens> chat, Tokenizer tokenizer, DocumentTokens documents, int contextLength) {
    this.chat = chat;
    this.tokenizer = tokenizer;
    this.documents = documents;
    this.contextLength = contextLength;
  }

  /** Those of a chat template. */
  public static TalkPrompts chat(ChatTokens chat, int contextLength) {
    return new TalkPrompts(
        Optional.of(chat), chat.tokenizer(), DocumentTokens.of(chat.tokenizer()), contextLength);
  }

  /** Those of a model without a chat template: each text alone. */
  public static TalkPrompts plain(
      Tokenizer tokenizer, DocumentTokens documents, int contextLength) {
    return new TalkPrompts(Optional.empty(), tokenizer, documents, contextLength);
  }

  boolean isChat() {
    return chat.isPresent();
  }

  /** The tokens that end an answer, for the generator. */
  public DocumentTokens boundaries() {
    return chat.map(tokens -> new DocumentTokens(documents.start(), tokens.endTokens()))
        .orElse(documents);
  }

  /** The options with the text that ends a turn, where no token does. */
  GenerationOptions withStops(GenerationOptions options) {
    Optional<String> end = chat.flatMap(ChatTokens::endOfTurnText);
    if (end.isEmpty()) {
      return options;
    }
    List<String> stops = new ArrayList<>(options.stopStrings());
    stops.add(end.get());
    return options.toBuilder().stopStrings(stops).build();
  }

  /**
   * The tokens of a new message with those before it.
   *
   * @param before the user's messages, each with its answer
   * @param firstSeen the first of them to take, if it fits
   * @throws UserException if the message alone does not fit
   */
  Prompt prompt(
      Optional<String> system, List<Message> before, int firstSeen, String text, int maxTokens) {
    if (chat.isEmpty()) {
      int[] tokens = Generator.promptTokens(tokenizer, documents, text);
      requireRoom(tokens.length);
      return new Prompt(tokens, 0);
    }
    int answer = Math.min(maxTokens, Math.max(1, contextLength / CONTEXT_PER_ANSWER));
    for (int first = Math.min(firstSeen, before.size()); ; first += 2) {
      List<Message> seen = new ArrayList<>();
      system.ifPresent(instructions -> seen.add(Message.system(instructions)));
      seen.addAll(before.subList(first, before.size()));
      seen.add(Message.user(text));
      int[] tokens = chat.get().prompt(new Conversation(seen));
      if (tokens.length + answer <= contextLength) {
        return new Prompt(tokens, first);
      }
      if (first == before.size()) {
        requireRoom(tokens.length);
        return new Prompt(tokens, first);
      }
    }
  }

  private void requireRoom(int length) {
    if (length >= contextLength) {
      throw UserException.usage(
          "a message must have fewer than the %d tokens of the model's context, with its template and the system message, got %d: shorten it"
              .formatted(contextLength, length));
    }
  }
}

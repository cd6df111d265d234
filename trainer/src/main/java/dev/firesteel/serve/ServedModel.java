package dev.firesteel.serve;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.Conversation;
import dev.firesteel.generate.Generator;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A model by the name that requests call it. Its weights belong to the engine.
 *
 * @param id the name
 * @param tokenizer its tokenizer
 * @param documents which tokens begin and end a document
 * @param chat how conversations become tokens; empty for a base model, which has no template
 * @param context the most tokens of a prompt and its answer
 * @param width of its embeddings
 * @param created when it was loaded, in seconds since 1970
 */
public record ServedModel(
    String id,
    Tokenizer tokenizer,
    DocumentTokens documents,
    Optional<ChatTokens> chat,
    int context,
    int width,
    long created) {

  /** A model with the template that its tokenizer has, if it has one. */
  public static ServedModel of(
      String id,
      Tokenizer tokenizer,
      DocumentTokens documents,
      Optional<ChatTemplate> template,
      int context,
      int width,
      long created) {
    return new ServedModel(
        id,
        tokenizer,
        documents,
        template.map(each -> new ChatTokens(each, tokenizer, documents)),
        context,
        width,
        created);
  }

  /** The tokens of a text to be continued. */
  int[] prompt(String text) {
    return Generator.promptTokens(tokenizer, documents, text);
  }

  /**
   * The tokens to answer a conversation after.
   *
   * @throws ApiException (400) if this is a base model
   */
  int[] prompt(Conversation conversation) {
    return chatTokens().prompt(conversation);
  }

  /** The tokens that end an answer in a conversation. */
  Set<Integer> answerEnds() {
    return chatTokens().endTokens();
  }

  /** The texts that end an answer in a conversation, where the tokenizer has no token for that. */
  List<String> answerStops() {
    return chatTokens().endOfTurnText().stream().toList();
  }

  private ChatTokens chatTokens() {
    return chat.orElseThrow(
        () ->
            ApiException.invalid(
                "model",
                "no_chat_template",
                "chat needs a model whose tokenizer has a chat template, and %s is a base model without one: use /v1/completions, a model that was trained with the command sft, or the option --template"
                    .formatted(id)));
  }
}

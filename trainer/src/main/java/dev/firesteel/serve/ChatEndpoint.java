package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.Message;
import dev.firesteel.generate.EngineRequest;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.LogitAdjustments;
import dev.firesteel.retrieval.DocumentIndex.Found;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * {@code POST /v1/chat/completions}: the answer to a conversation, by the model's chat template.
 */
final class ChatEndpoint implements Endpoint {
  private final ServedModels models;

  ChatEndpoint(ServedModels models) {
    this.models = models;
  }

  @Override
  public void handle(Exchange exchange) {
    RequestFields fields = RequestFields.parse(exchange.body());
    ServedModel model = models.find(fields.requiredText("model"));
    Conversation conversation = conversation(fields);
    boolean stream = fields.flag("stream");
    boolean includeUsage = TextFields.includeUsage(fields, stream);
    int n = TextFields.choices(fields, models);
    int top = TextFields.topScores(fields, fields.flag("logprobs"));
    OptionalInt newer = fields.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
    OptionalInt older = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
    int maxTokens = newer.orElse(older.orElse(model.context()));
    requireText(fields);
    fields.ignore(
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "parallel_tool_calls",
        "tool_choice",
        "function_call");
    fields.unsupported(
        "tools",
        "functions",
        "audio",
        "prediction",
        "reasoning_effort",
        "verbosity",
        "web_search_options");
    boolean retrieval =
        fields.optionalFlag("retrieval").orElse(true) && models.library().isPresent();
    Asked asked =
        new Asked(
            model,
            conversation,
            n,
            TextFields.options(fields, maxTokens, model.answerStops()),
            TextFields.adjustments(fields, model),
            top,
            stream,
            includeUsage);
    fields.finish();
    int[] prompt = model.prompt(conversation);
    TextFields.requireRoom("messages", prompt.length, model);
    if (retrieval) {
      retrieve(exchange, asked, models.library().orElseThrow());
    } else {
      answer(exchange, asked, prompt, Optional.empty());
    }
  }

  /** What a request asks for. */
  private record Asked(
      ServedModel model,
      Conversation conversation,
      int n,
      GenerationOptions options,
      LogitAdjustments adjustments,
      int top,
      boolean stream,
      boolean includeUsage) {}

  /** Answers from passages of the documents. */
  @SuppressWarnings("FutureReturnValueIgnored") // What it calls hears of failures.
  private void retrieve(Exchange exchange, Asked asked, Library library) {
    List<Message> messages = asked.conversation.messages();
    String question =
        messages.stream()
            .filter(message -> message.role().equals(Message.USER))
            .reduce((first, second) -> second)
            .map(Message::content)
            .orElse("");
    library
        .find(question)
        .whenCompleteAsync(
            (found, failure) -> {
              try {
                if (failure != null) {
                  exchange.failure(failure);
                } else {
                  answerFrom(exchange, asked, found);
                }
              } catch (RuntimeException e) {
                exchange.failure(e);
              }
            },
            exchange::execute);
  }

  /** Answers from as many passages as leave room for an answer, the best ones first. */
  private void answerFrom(Exchange exchange, Asked asked, List<Found> found) {
    int context = asked.model.context();
    int room = Math.min(asked.options.maxTokens(), context / 4);
    for (int count = found.size(); count > 0; count--) {
      List<Found> best = found.subList(0, count);
      int[] prompt = asked.model.prompt(Library.with(asked.conversation, best));
      if (prompt.length + room <= context) {
        answer(exchange, asked, prompt, Optional.of(Library.citations(best)));
        return;
      }
    }
    int[] prompt = asked.model.prompt(asked.conversation);
    answer(exchange, asked, prompt, Optional.of(Library.citations(List.of())));
  }

  private void answer(Exchange exchange, Asked asked, int[] prompt, Optional<ArrayNode> citations) {
    EngineRequest request =
        new EngineRequest(
            Collections.nCopies(asked.n, prompt),
            asked.options,
            asked.adjustments,
            asked.model.answerEnds(),
            asked.top);
    Answer.begin(
        exchange,
        new AnswerPlan(
            asked.model,
            AnswerForm.CHAT,
            request,
            Optional.empty(),
            false,
            prompt.length,
            asked.stream,
            asked.includeUsage,
            citations),
        models);
  }

  private static void requireText(RequestFields fields) {
    for (RequestFields format : fields.object("response_format").stream().toList()) {
      String type = format.requiredText("type");
      if (!type.equals("text")) {
        throw ApiException.invalid(
            "response_format",
            "unsupported_parameter",
            "response_format must be of the type text, since this server has no other, got %s: leave it out"
                .formatted(Routes.shown(type)));
      }
      format.finish();
    }
    List<String> modalities = fields.texts("modalities", 10);
    if (!modalities.isEmpty() && !modalities.equals(List.of("text"))) {
      throw ApiException.invalid(
          "modalities",
          "unsupported_parameter",
          "modalities must be [\"text\"], since this server has no others: leave it out");
    }
  }

  private static Conversation conversation(RequestFields fields) {
    List<Message> messages = new ArrayList<>();
    for (RequestFields message : fields.objects("messages")) {
      messages.add(new Message(role(message), content(message)));
      message.ignore("name");
      message.unsupported("tool_calls", "function_call", "audio", "refusal", "annotations");
      message.finish();
    }
    return new Conversation(messages);
  }

  private static String role(RequestFields message) {
    String role = message.requiredText("role");
    return switch (role) {
      // What newer models of OpenAI call the system.
      case "developer", Message.SYSTEM -> Message.SYSTEM;
      case Message.USER, Message.ASSISTANT -> role;
      default ->
          throw RequestFields.wrong(
              message.name("role"), "system, developer, user or assistant", Routes.shown(role));
    };
  }

  /** A string, or parts of text. */
  private static String content(RequestFields message) {
    Optional<JsonNode> content = message.any("content");
    if (content.isEmpty()) {
      throw RequestFields.wrong(message.name("content"), "a string", "nothing");
    }
    if (content.get().isTextual()) {
      return content.get().textValue();
    }
    StringBuilder text = new StringBuilder();
    for (RequestFields part : message.objects("content")) {
      String type = part.requiredText("type");
      if (!type.equals("text")) {
        throw ApiException.invalid(
            part.name("type"),
            "unsupported_content",
            "%s must be text, since the model reads nothing else, got %s: leave that part out"
                .formatted(part.name("type"), Routes.shown(type)));
      }
      text.append(part.requiredText("text"));
      part.finish();
    }
    return text.toString();
  }
}

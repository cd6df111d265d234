package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.generate.EngineRequest;
import dev.firesteel.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * {@code POST /v1/completions}: the continuation of texts. Beside OpenAI's {@code logprobs: COUNT},
 * {@code logprobs: true} with {@code top_logprobs} gives log-probabilities in the form of chat
 * completions, where tokens of equal text do not replace one another.
 */
final class CompletionsEndpoint implements Endpoint {
  private static final int DEFAULT_MAX_TOKENS = 16;

  private final ServedModels models;

  CompletionsEndpoint(ServedModels models) {
    this.models = models;
  }

  @Override
  public void handle(Exchange exchange) {
    RequestFields fields = RequestFields.parse(exchange.body());
    ServedModel model = models.find(fields.requiredText("model"));
    boolean stream = fields.flag("stream");
    boolean includeUsage = TextFields.includeUsage(fields, stream);
    boolean echo = fields.flag("echo");
    int n = TextFields.choices(fields, models);
    int maxTokens =
        fields.integer("max_tokens", echo ? 0 : 1, Integer.MAX_VALUE).orElse(DEFAULT_MAX_TOKENS);
    OptionalInt bestOf = fields.integer("best_of", 1, TextFields.MOST_CHOICES);
    if (bestOf.isPresent() && bestOf.getAsInt() != n) {
      throw ApiException.invalid(
          "best_of",
          "unsupported_parameter",
          "best_of must equal n, since this server does not rank choices, got %d and n %d: leave it out"
              .formatted(bestOf.getAsInt(), n));
    }
    Optional<JsonNode> logprobs = fields.any("logprobs");
    boolean content = logprobs.isPresent() && logprobs.get().isBoolean();
    int top = TextFields.topScores(fields, content && logprobs.get().booleanValue());
    if (!content) {
      top = fields.integer("logprobs", 0, TextFields.MOST_TOP).orElse(-1);
    }
    fields.ignore("user");
    fields.unsupported("suffix");
    List<PromptTokens> prompts = prompts(fields, model);
    GenerationOptions options = TextFields.options(fields, Math.max(1, maxTokens), List.of());
    List<int[]> all = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    long promptTokens = 0;
    for (PromptTokens prompt : prompts) {
      promptTokens += prompt.ids().length;
      String text = prompt.text().orElseGet(() -> model.tokenizer().decode(prompt.ids()));
      for (int i = 0; i < n; i++) {
        all.add(prompt.ids());
        texts.add(text);
      }
    }
    int most = TextFields.mostChoices(models);
    if (all.size() > most) {
      throw RequestFields.wrong(
          "prompt", "at most %d choices of all prompts".formatted(most), all.size() + " of them");
    }
    EngineRequest request =
        new EngineRequest(
            all, options, TextFields.adjustments(fields, model), model.documents().ends(), top);
    fields.finish();
    Answer.begin(
        exchange,
        new AnswerPlan(
            model,
            content ? AnswerForm.TEXT_WITH_CONTENT : AnswerForm.TEXT,
            request,
            echo ? Optional.of(texts) : Optional.empty(),
            maxTokens == 0,
            promptTokens,
            stream,
            includeUsage,
            Optional.empty()),
        models);
  }

  /** A string, strings, ids, or lists of ids. */
  private static List<PromptTokens> prompts(RequestFields fields, ServedModel model) {
    JsonNode given =
        fields
            .any("prompt")
            .orElseThrow(() -> RequestFields.wrong("prompt", "a string or an array", "nothing"));
    List<PromptTokens> prompts = PromptTokens.read("prompt", given, model);
    prompts.forEach(each -> TextFields.requireRoom("prompt", each.ids().length, model));
    return prompts;
  }
}

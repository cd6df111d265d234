package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.chat.Conversation;
import dev.firesteel.error.UserException;
import dev.firesteel.example.PromptRecord;
import dev.firesteel.generate.EngineListener;
import dev.firesteel.generate.EngineRequest;
import dev.firesteel.generate.EngineTicket;
import dev.firesteel.generate.EngineToken;
import dev.firesteel.generate.GenerationEngine;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.LogitAdjustments;
import dev.firesteel.rate.AnswerPair;
import dev.firesteel.rate.AnswerSource.Draw;
import dev.firesteel.rate.RatingDesk;
import dev.firesteel.rate.RatingFile;
import dev.firesteel.rate.Verdict;
import dev.firesteel.serve.Route.Access;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ScheduledFuture;

/**
 * The page of ratings and what it asks for: {@code GET /rate}, {@code GET /rate/state}, {@code POST
 * /rate/pair} and {@code POST /rate/verdict}. Names of models do not leave the server.
 */
public final class RateEndpoints {
  private final RatingDesk desk;

  private RateEndpoints(RatingDesk desk) {
    this.desk = desk;
  }

  /**
   * The routes of ratings of a server's models, at most two.
   *
   * @param options how answers are sampled
   * @param system the system message, for models with a chat template
   * @param file where ratings are kept
   * @param prompts records to rate; none if prompts are typed
   * @throws UserException if these cannot be rated
   */
  public static List<Route> routes(
      ServedModels models,
      GenerationOptions options,
      Optional<String> system,
      RatingFile file,
      List<JsonNode> prompts) {
    List<ServedModel> rated = models.all();
    RateEndpoints endpoints =
        new RateEndpoints(
            new RatingDesk(
                rated.stream().map(ServedModel::id).toList(),
                rated.stream().anyMatch(model -> model.chat().isPresent()),
                system,
                options,
                (prompt, draws) -> answers(models, options, prompt, draws),
                file,
                prompts,
                Clock.systemUTC()));
    return List.of(
        Page.chat().at("/rate"),
        new Route("GET", "/rate/state", Access.KEY, endpoints::state),
        new Route("POST", "/rate/pair", Access.KEY, endpoints::pair),
        new Route("POST", "/rate/verdict", Access.KEY, endpoints::verdict));
  }

  private void state(Exchange exchange) {
    exchange.json(200, json(desk.state()));
  }

  private static ObjectNode json(RatingDesk.State state) {
    ObjectNode json =
        Json.object()
            .put("rated", state.rated())
            .put("undecided", state.undecided())
            .put("prompts", state.prompts())
            .put("out", state.out());
    ArrayNode remaining = json.putArray("remaining");
    state.remaining().forEach(remaining::add);
    return json;
  }

  private void pair(Exchange exchange) {
    RequestFields fields = RequestFields.parse(exchange.body());
    Optional<String> typed = fields.text("prompt");
    fields.finish();
    CompletionStage<AnswerPair> drawn = desk.pair(typed);
    ScheduledFuture<?> limit =
        exchange.afterTimeout(
            timeout ->
                exchange.error(
                    ApiException.unavailable(
                        "timeout",
                        "both answers must be complete after %d s, but were not: ask for fewer tokens, or raise --request-timeout"
                            .formatted(timeout.toSeconds()))));
    // Not on the engine's thread.
    drawn.whenCompleteAsync(
        (pair, failure) -> {
          limit.cancel(false);
          if (failure == null) {
            exchange.json(200, json(pair));
          } else {
            exchange.failure(failure);
          }
        },
        exchange::execute);
  }

  private static ObjectNode json(AnswerPair pair) {
    ObjectNode json =
        Json.object()
            .put("id", pair.id())
            .put("prompt", pair.prompt().shown())
            .put("comparable", pair.isComparable());
    ArrayNode answers = json.putArray("answers");
    pair.sides().forEach(side -> answers.add(side.text()));
    return json;
  }

  private void verdict(Exchange exchange) {
    RequestFields fields = RequestFields.parse(exchange.body());
    String id = fields.requiredText("id");
    Verdict verdict = Verdict.of(fields.requiredText("verdict"));
    Optional<String> rater = fields.text("rater");
    fields.finish();
    desk.judge(id, verdict, rater);
    exchange.json(200, json(desk.state()));
  }

  private static CompletionStage<List<String>> answers(
      ServedModels models, GenerationOptions options, PromptRecord prompt, List<Draw> draws) {
    List<Drawing> drawings = new ArrayList<>();
    try {
      for (Draw draw : draws) {
        Drawing drawing = new Drawing();
        drawings.add(drawing);
        drawing.begin(models.engine(), models.find(draw.model()), options, prompt, draw.seed());
      }
    } catch (RuntimeException failure) {
      drawings.forEach(Drawing::cancel);
      throw failure;
    }
    return CompletableFuture.allOf(
            drawings.stream().map(each -> each.answer).toArray(CompletableFuture<?>[]::new))
        .thenApply(done -> drawings.stream().map(each -> each.answer.join()).toList());
  }

  /** One answer as it is generated. */
  private static final class Drawing implements EngineListener {
    private final StringBuilder text = new StringBuilder();
    private final CompletableFuture<String> answer = new CompletableFuture<>();
    private EngineTicket ticket;

    void begin(
        GenerationEngine engine,
        ServedModel model,
        GenerationOptions options,
        PromptRecord prompt,
        long seed) {
      boolean chat = model.chat().isPresent();
      int[] tokens =
          chat ? model.prompt(new Conversation(prompt.turns())) : model.prompt(prompt.shown());
      TextFields.requireRoom("prompt", tokens.length, model);
      List<String> stops = new ArrayList<>(options.stopStrings());
      stops.addAll(chat ? model.answerStops() : List.of());
      Set<Integer> ends = chat ? model.answerEnds() : model.documents().ends();
      ticket =
          engine.submit(
              model.id(),
              new EngineRequest(
                  List.of(tokens),
                  options.toBuilder().stopStrings(stops).seed(seed).build(),
                  LogitAdjustments.NONE,
                  ends,
                  -1),
              this);
    }

    void cancel() {
      if (ticket != null) {
        ticket.cancel();
      }
    }

    @Override
    public void onToken(EngineToken token) {
      text.append(token.text());
    }

    @Override
    public void onEnd() {
      answer.complete(text.toString());
    }

    @Override
    public void onFailure(Throwable failure) {
      answer.completeExceptionally(failure);
    }
  }
}

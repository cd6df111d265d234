package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.generate.EngineListener;
import dev.firesteel.generate.EngineTicket;
import dev.firesteel.generate.EngineToken;
import dev.firesteel.generate.GenerationEngine;
import dev.firesteel.generate.TokenScores;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The answer to a request for text, as the engine makes it: sent whole at the end, or as events. It
 * ends when all choices have, when the client leaves, or when its time is over.
 */
final class Answer implements EngineListener {
  private static final AtomicLong NUMBER = new AtomicLong();

  private final Exchange exchange;
  private final AnswerPlan plan;
  private final String id;
  private final long created = System.currentTimeMillis() / 1000;
  private final List<Choice> choices = new ArrayList<>();
  private final AtomicBoolean over = new AtomicBoolean();
  private EventStream events; // null until the first one, and null if it is sent whole
  private long generated;
  private boolean citationsSent;
  private volatile CompletableFuture<?> scoring;
  private volatile EngineTicket ticket;
  private volatile ScheduledFuture<?> deadline;

  private Answer(Exchange exchange, AnswerPlan plan) {
    this.exchange = exchange;
    this.plan = plan;
    id =
        "%s%s-%d"
            .formatted(
                plan.form().prefix(),
                Long.toString(System.currentTimeMillis(), 36),
                NUMBER.incrementAndGet());
    for (int i = 0; i < plan.request().prompts().size(); i++) {
      choices.add(new Choice(plan.model().tokenizer()));
    }
  }

  /**
   * Answers a request.
   *
   * @throws ApiException (400, 429) if it cannot be taken
   */
  @SuppressWarnings("FutureReturnValueIgnored") // What it calls hears of failures.
  static void begin(Exchange exchange, AnswerPlan plan, ServedModels models) {
    Answer answer = new Answer(exchange, plan);
    exchange.watch(answer::giveUp);
    answer.deadline = exchange.afterTimeout(answer::timeOut);
    try {
      if (plan.echo().isPresent() && plan.scored()) {
        CompletableFuture<List<List<TokenScores>>> scoring =
            models
                .engine()
                .score(plan.model().id(), plan.request().prompts(), plan.request().topScores());
        answer.scoring = scoring;
        scoring.whenCompleteAsync(
            (scores, failure) -> {
              if (failure != null) {
                answer.onFailure(failure);
              } else {
                answer.scored(scores, models.engine());
              }
            },
            exchange::execute);
      } else {
        plan.echo()
            .ifPresent(
                texts -> {
                  for (int i = 0; i < texts.size(); i++) {
                    answer.choices.get(i).echo(texts.get(i), List.of());
                  }
                });
        answer.generate(models.engine());
      }
    } catch (RuntimeException failure) {
      answer.end();
      throw failure;
    }
  }

  /** The prompts' scores are known; what is generated follows them. */
  private void scored(List<List<TokenScores>> scores, GenerationEngine engine) {
    try {
      for (int i = 0; i < scores.size(); i++) {
        int[] prompt = plan.request().prompts().get(i);
        List<ScoredText> tokens = new ArrayList<>();
        tokens.add(new ScoredText(0, new TokenScores(prompt[0], Double.NaN, List.of())));
        int offset = ScoredText.text(plan.model().tokenizer(), prompt[0]).length();
        for (TokenScores each : scores.get(i)) {
          tokens.add(new ScoredText(offset, each));
          offset += ScoredText.text(plan.model().tokenizer(), each.token()).length();
        }
        choices.get(i).echo(plan.echo().orElseThrow().get(i), tokens);
      }
      generate(engine);
    } catch (RuntimeException failure) {
      onFailure(failure);
    }
  }

  private void generate(GenerationEngine engine) {
    exchange.metrics().promptTokens(plan.model().id(), plan.promptTokens());
    if (plan.nothingNew()) {
      choices.forEach(Choice::endAtLength);
      open();
      onEnd();
      return;
    }
    if (over.get()) {
      return;
    }
    ticket = engine.submit(plan.model().id(), plan.request(), this);
    if (over.get()) {
      ticket.cancel();
    }
  }

  /** Begins the events, if the answer is sent as such. */
  private void open() {
    if (!plan.stream() || events != null) {
      return;
    }
    events = exchange.events(this::giveUp);
    for (int i = 0; i < choices.size(); i++) {
      plan.form().opening(i).ifPresent(choice -> send(choice));
      if (plan.echo().isPresent()) {
        sendPart(i, Optional.empty());
      }
    }
  }

  @Override
  public synchronized void onToken(EngineToken token) {
    if (over.get()) {
      return;
    }
    Choice choice = choices.get(token.completion());
    long nanos = choice.nanosSinceLast();
    String model = plan.model().id();
    if (nanos > 0) {
      exchange.metrics().nextToken(model, nanos * 1e-9);
    } else if (generated == 0) {
      exchange.metrics().firstToken(model, exchange.seconds());
    }
    exchange.metrics().token(model);
    generated++;
    choice.add(token);
    if (plan.stream()) {
      open();
      sendPart(token.completion(), Optional.ofNullable(choice.reason()));
    }
  }

  /** Sends what a choice has more of, if anything. */
  private void sendPart(int index, Optional<String> reason) {
    Choice choice = choices.get(index);
    String text = choice.newText();
    List<ScoredText> tokens = choice.newTokens();
    if (!text.isEmpty() || !tokens.isEmpty()) {
      send(
          plan.form()
              .part(index, text, scores(tokens), Optional.empty(), plan.model().tokenizer()));
    }
    if (reason.isPresent()) {
      send(plan.form().part(index, "", Optional.empty(), reason, plan.model().tokenizer()));
    }
  }

  private Optional<List<ScoredText>> scores(List<ScoredText> tokens) {
    return plan.scored() ? Optional.of(tokens) : Optional.empty();
  }

  private void send(ObjectNode choice) {
    ObjectNode event = head(true);
    event.putArray("choices").add(choice);
    if (plan.includeUsage()) {
      event.putNull("usage");
    }
    if (!citationsSent) {
      citationsSent = true;
      plan.citations().ifPresent(citations -> event.set("citations", citations));
    }
    events.send(event);
  }

  private ObjectNode head(boolean part) {
    return Json.object()
        .put("id", id)
        .put("object", plan.form().object(part))
        .put("created", created)
        .put("model", plan.model().id());
  }

  @Override
  public synchronized void onEnd() {
    if (!end()) {
      return;
    }
    Usage usage = new Usage(plan.promptTokens(), generated);
    if (!plan.stream()) {
      exchange.execute(() -> exchange.json(200, whole(usage)));
      return;
    }
    if (plan.nothingNew()) {
      for (int i = 0; i < choices.size(); i++) {
        sendPart(i, Optional.of(choices.get(i).reason()));
      }
    }
    if (plan.includeUsage()) {
      ObjectNode event = head(true);
      event.putArray("choices");
      event.set("usage", usage.json());
      events.send(event);
    }
    events.end();
  }

  private ObjectNode whole(Usage usage) {
    ObjectNode body = head(false);
    ArrayNode all = body.putArray("choices");
    for (int i = 0; i < choices.size(); i++) {
      Choice choice = choices.get(i);
      all.add(
          plan.form()
              .choice(
                  i,
                  choice.text(),
                  scores(choice.tokens()),
                  choice.reason(),
                  plan.model().tokenizer()));
    }
    body.set("usage", usage.json());
    plan.citations().ifPresent(citations -> body.set("citations", citations));
    return body;
  }

  @Override
  public void onFailure(Throwable failure) {
    if (end()) {
      fail(failure);
    }
  }

  /** Answers with an error; within a stream, as its last event. */
  private synchronized void fail(Throwable failure) {
    if (events == null) {
      exchange.execute(() -> exchange.failure(failure));
    } else {
      events.send(ServerErrors.of(failure, plan.form().object(true)).json());
      events.end();
    }
  }

  private void timeOut(Duration timeout) {
    if (end()) {
      exchange.metrics().aborted("timeout");
      fail(
          ApiException.unavailable(
              "timeout",
              "the answer must be complete after %d s, but was not: ask for fewer tokens, or raise --request-timeout"
                  .formatted(timeout.toSeconds())));
    }
  }

  /** The client has left. */
  private void giveUp() {
    end();
  }

  /** Ends the work; false if it had ended. */
  private boolean end() {
    if (!over.compareAndSet(false, true)) {
      return false;
    }
    ScheduledFuture<?> open = deadline;
    if (open != null) {
      open.cancel(false);
    }
    CompletableFuture<?> begunScoring = scoring;
    if (begunScoring != null) {
      begunScoring.cancel(false);
    }
    EngineTicket begun = ticket;
    if (begun != null) {
      begun.cancel();
    }
    return true;
  }
}

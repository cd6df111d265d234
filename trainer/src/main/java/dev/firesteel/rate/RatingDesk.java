package dev.firesteel.rate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.chat.Message;
import dev.firesteel.error.UserException;
import dev.firesteel.example.PromptRecord;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.random.RandomStream;
import dev.firesteel.rate.AnswerPair.Side;
import dev.firesteel.rate.AnswerSource.Draw;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Hands out pairs of answers and takes the verdicts. Several people may rate at once. Thread-safe.
 *
 * <p>Pair i of a desk has the seeds {@code seed + 2 i} and {@code seed + 2 i + 1}. Which model is
 * on the left is drawn from the stream (seed, "rating sides", i), and recorded.
 */
public final class RatingDesk {
  /** Pairs that were handed out and not judged; older ones are given up. */
  private static final int MOST_PENDING = 1000;

  /** Answers are drawn again so often if they cannot be compared. */
  private static final int MOST_TRIES = 4;

  private final List<String> models;
  private final boolean conversations;
  private final Optional<String> system;
  private final GenerationOptions options;
  private final AnswerSource source;
  private final RatingFile file;
  private final Clock clock;
  private final Map<JsonNode, PromptRecord> prompts = new LinkedHashMap<>();
  private final Map<String, AnswerPair> pending = new LinkedHashMap<>();
  private long nextPair;

  /**
   * What there is to do.
   *
   * @param rated preferences in the file
   * @param undecided ties and skipped pairs
   * @param prompts how many there are; 0 if prompts are typed
   * @param remaining those that nobody has judged
   * @param out the file of preferences
   */
  public record State(int rated, int undecided, int prompts, List<String> remaining, String out) {}

  /**
   * A desk.
   *
   * @param models one or two names; both answers are the only one's if there is one
   * @param conversations whether prompts are turns, for models with a chat template; otherwise
   *     texts
   * @param system the system message of each prompt that has none
   * @param options how answers are sampled; recorded with each rating
   * @param records prompts to rate; none if they are typed
   * @throws UserException if a record is no prompt, or one model is to answer twice without
   *     sampling
   */
  public RatingDesk(
      List<String> models,
      boolean conversations,
      Optional<String> system,
      GenerationOptions options,
      AnswerSource source,
      RatingFile file,
      List<JsonNode> records,
      Clock clock) {
    if (models.isEmpty() || models.size() > 2) {
      throw UserException.usage(
          "one or two models are rated, got %d: name one or two".formatted(models.size()));
    }
    if (models.size() == 1 && options.temperature() == 0) {
      throw UserException.usage(
          "two answers of one model need a temperature above 0, got 0, which gives the same answer twice: give --temperature 0.8, or a second model");
    }
    if (system.isPresent() && !conversations) {
      throw UserException.usage(
          "a system message needs a model with a chat template, and there is none: give the model a template (--template chatml), or put the instructions into the prompts");
    }
    this.models = List.copyOf(models);
    this.conversations = conversations;
    this.system = system;
    this.options = options;
    this.source = source;
    this.file = file;
    this.clock = clock;
    for (int i = 0; i < records.size(); i++) {
      try {
        PromptRecord prompt = prompt(records.get(i));
        prompts.put(json(prompt), prompt);
      } catch (UserException e) {
        throw UserException.usage("prompt %d: %s".formatted(i + 1, e.getMessage()), e);
      }
    }
    nextPair = (long) file.preferenceCount() + file.undecidedCount();
  }

  private PromptRecord prompt(JsonNode record) {
    PromptRecord prompt = PromptRecord.read(record, conversations);
    if (prompt.isConversation() && !conversations) {
      throw UserException.usage(
          "a prompt of turns needs a model with a chat template, and there is none: give the prompt as a string, or the model a template (--template chatml)");
    }
    if (system.isEmpty() || prompt.turns().get(0).role().equals(Message.SYSTEM)) {
      return prompt;
    }
    List<Message> turns = new ArrayList<>();
    turns.add(Message.system(system.get()));
    turns.addAll(prompt.turns());
    return new PromptRecord(turns, "");
  }

  /** A prompt as preference data has it: a list of turns, or a string. */
  private static JsonNode json(PromptRecord prompt) {
    return prompt.isConversation()
        ? turns(prompt.turns())
        : JsonNodeFactory.instance.textNode(prompt.text());
  }

  private static ArrayNode turns(List<Message> messages) {
    ArrayNode turns = JsonNodeFactory.instance.arrayNode();
    messages.forEach(
        message -> turns.addObject().put("role", message.role()).put("content", message.content()));
    return turns;
  }

  /** What there is to do. */
  public State state() {
    List<String> remaining = new ArrayList<>();
    prompts.forEach(
        (json, prompt) -> {
          if (!file.isJudged(json)) {
            remaining.add(prompt.shown());
          }
        });
    return new State(
        file.preferenceCount(),
        file.undecidedCount(),
        prompts.size(),
        remaining,
        file.path().toString());
  }

  /**
   * Two answers: to a prompt that was typed, or to the first one that nobody has judged and that
   * nobody is looking at, if there is such a one.
   *
   * @throws UserException if the prompt has no text, or none remains
   */
  public CompletionStage<AnswerPair> pair(Optional<String> typed) {
    PromptRecord prompt =
        typed
            .map(text -> prompt(JsonNodeFactory.instance.objectNode().put("prompt", text)))
            .orElseGet(this::next);
    return draw(prompt, 1);
  }

  private synchronized PromptRecord next() {
    List<PromptRecord> remaining = new ArrayList<>();
    for (Map.Entry<JsonNode, PromptRecord> each : prompts.entrySet()) {
      if (!file.isJudged(each.getKey())) {
        PromptRecord prompt = each.getValue();
        if (pending.values().stream().noneMatch(pair -> pair.prompt().equals(prompt))) {
          return prompt;
        }
        remaining.add(prompt);
      }
    }
    if (remaining.isEmpty()) {
      throw UserException.usage("no prompt remains to be rated: type one, or add to the file");
    }
    return remaining.get(0);
  }

  private CompletionStage<AnswerPair> draw(PromptRecord prompt, int attempt) {
    long number;
    synchronized (this) {
      number = nextPair++;
    }
    List<Draw> draws = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      draws.add(new Draw(models.get(i % models.size()), options.seed() + 2 * number + i));
    }
    if (RandomStream.of(options.seed(), "rating sides", number).nextInt(2) == 1) {
      draws.add(draws.remove(0));
    }
    return source
        .answers(prompt, draws)
        .thenCompose(
            texts -> {
              AnswerPair pair =
                  new AnswerPair(
                      Long.toString(number),
                      prompt,
                      List.of(
                          new Side(draws.get(0), texts.get(0)),
                          new Side(draws.get(1), texts.get(1))));
              // Without sampling the same answers would come again.
              if (!pair.isComparable() && attempt < MOST_TRIES && options.temperature() > 0) {
                return draw(prompt, attempt + 1);
              }
              remember(pair);
              return CompletableFuture.completedFuture(pair);
            });
  }

  private synchronized void remember(AnswerPair pair) {
    pending.put(pair.id(), pair);
    while (pending.size() > MOST_PENDING) {
      pending.remove(pending.keySet().iterator().next());
    }
  }

  /**
   * Records a verdict.
   *
   * @param rater who judges, if they say
   * @throws UserException if the pair is unknown or judged already, or its answers cannot be
   *     compared and one is named
   */
  public synchronized void judge(String id, Verdict verdict, Optional<String> rater) {
    AnswerPair pair = pending.get(id);
    if (pair == null) {
      throw UserException.usage(
          "a verdict must be on a pair that was handed out and not judged yet, got pair %s: ask for another"
              .formatted(id));
    }
    if (verdict.isPreference() && !pair.isComparable()) {
      throw UserException.usage(
          "the better answer must have text and differ from the other, and these do not: call them a tie, or skip them");
    }
    file.add(record(pair, verdict, rater), verdict.isPreference());
    pending.remove(id);
  }

  private ObjectNode record(AnswerPair pair, Verdict verdict, Optional<String> rater) {
    ObjectNode record = JsonNodeFactory.instance.objectNode();
    record.set(RatingFile.PROMPT, json(pair.prompt()));
    Side left = pair.sides().get(0);
    Side right = pair.sides().get(1);
    if (verdict.isPreference()) {
      boolean isLeft = verdict == Verdict.LEFT;
      put(record, "chosen", isLeft ? left : right, pair.prompt());
      put(record, "rejected", isLeft ? right : left, pair.prompt());
      record.put("chosen_side", verdict.label());
    } else {
      put(record, "left", left, pair.prompt());
      put(record, "right", right, pair.prompt());
      record.put("verdict", verdict.label());
    }
    record
        .putObject("sampling")
        .put("temperature", options.temperature())
        .put("top_p", options.topP())
        .put("top_k", options.topK())
        .put("min_p", options.minP())
        .put("repetition_penalty", options.repetitionPenalty())
        .put("max_tokens", options.maxTokens());
    rater.ifPresent(name -> record.put("rater", name));
    return record.put("rated_at", clock.instant().truncatedTo(ChronoUnit.SECONDS).toString());
  }

  private static void put(ObjectNode record, String name, Side side, PromptRecord prompt) {
    if (prompt.isConversation()) {
      record.set(name, turns(List.of(Message.assistant(side.text().strip()))));
    } else {
      record.put(name, side.text());
    }
    record.put(name + "_model", side.draw().model()).put(name + "_seed", side.draw().seed());
  }
}

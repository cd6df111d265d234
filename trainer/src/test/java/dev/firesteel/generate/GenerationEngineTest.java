package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.chat.TestTokenizers;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GenerationEngineTest {
  private static final int CONTEXT = 64;
  private static final int VOCABULARY = 272;
  private static final String NAME = "model";

  private final Backend backend = new CpuBackend(Precision.FP32, 2);
  private final ArrayPool pool = new ArrayPool(backend);
  private final Tokenizer tokenizer = TestTokenizers.bytesWith();
  private final DocumentTokens documents = DocumentTokens.of(tokenizer);
  private final LanguageModel model =
      Models.create(
          TestModels.withInitStd(TestModels.llama(2, 16, 4, 2, 24, CONTEXT, VOCABULARY), 0.4),
          backend,
          5);

  @AfterEach
  void close() {
    model.close();
    pool.close();
    backend.close();
  }

  private GenerationEngine engine(int maxBatch, int maxQueue) {
    GenerationEngine engine = new GenerationEngine(maxBatch, maxQueue);
    engine.add(NAME, model, tokenizer, pool, CONTEXT);
    return engine;
  }

  /** What an engine made of a request. */
  private static final class Heard implements EngineListener {
    private final List<List<EngineToken>> tokens = new ArrayList<>();
    private final CompletableFuture<List<List<EngineToken>>> end = new CompletableFuture<>();
    private final CountDownLatch first = new CountDownLatch(1);

    /** The engine's thread does not return from the first token before this. */
    private final CountDownLatch mayContinue;

    Heard(int completions) {
      this(completions, new CountDownLatch(0));
    }

    Heard(int completions, CountDownLatch mayContinue) {
      this.mayContinue = mayContinue;
      for (int i = 0; i < completions; i++) {
        tokens.add(new ArrayList<>());
      }
    }

    @Override
    public void onToken(EngineToken token) {
      tokens.get(token.completion()).add(token);
      first.countDown();
      awaitLatch(mayContinue);
    }

    @Override
    public void onEnd() {
      end.complete(tokens);
    }

    @Override
    public void onFailure(Throwable failure) {
      end.completeExceptionally(failure);
    }

    List<List<EngineToken>> await() {
      try {
        return end.get(20, TimeUnit.SECONDS);
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }

    List<Integer> ids(int completion) {
      return await().get(completion).stream().map(EngineToken::token).toList();
    }

    String text(int completion) {
      StringBuilder text = new StringBuilder();
      await().get(completion).forEach(token -> text.append(token.text()));
      return text.toString();
    }
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static GenerationOptions.Builder options() {
    return GenerationOptions.builder().maxTokens(20);
  }

  private EngineRequest request(GenerationOptions options, int topScores, int[]... prompts) {
    return new EngineRequest(
        List.of(prompts), options, LogitAdjustments.NONE, documents.ends(), topScores);
  }

  private static Heard submit(GenerationEngine engine, EngineRequest request) {
    Heard heard = new Heard(request.prompts().size());
    engine.submit(NAME, request, heard);
    return heard;
  }

  private static int[] prompt(int i) {
    RandomStream random = RandomStream.of(i, "prompt");
    int[] prompt = new int[1 + random.nextInt(30)];
    Arrays.setAll(prompt, t -> 32 + random.nextInt(90));
    return prompt;
  }

  @Test
  void aGreedyAnswerIsTheSameAloneAndAmongOthersToTheBit() {
    List<List<EngineToken>> alone = new ArrayList<>();
    try (GenerationEngine engine = engine(1, 64)) {
      for (int i = 0; i < 24; i++) {
        alone.add(submit(engine, request(options().build(), 5, prompt(i))).await().get(0));
      }
    }
    assertThat(alone.stream().map(List::size).distinct()).isNotEmpty();
    for (int batch : new int[] {3, 8, 24}) {
      try (GenerationEngine engine = engine(batch, 64)) {
        List<Heard> together = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
          // Of different lengths, so that rows are refilled while others are in the middle.
          together.add(submit(engine, request(options().build(), 5, prompt(i))));
        }
        for (int i = 0; i < 24; i++) {
          // Log-probabilities are doubles of float logits: equality is to the bit.
          assertThat(together.get(i).await().get(0)).as("of %d", i).isEqualTo(alone.get(i));
        }
      }
    }
  }

  @Test
  void answersAreThoseOfTheGenerator() {
    GenerationOptions options =
        options().temperature(1.3).topP(0.95).repetitionPenalty(1.1).seed(11).build();
    int[] prompt = prompt(3);
    List<Completion> expected;
    Generator generator = new Generator(model, tokenizer, pool);
    expected =
        generator.generateFromIds(Collections.nCopies(3, prompt), options, TokenListener.NONE);
    try (GenerationEngine engine = engine(2, 64)) {
      Heard heard = submit(engine, request(options, -1, prompt, prompt, prompt));
      for (int i = 0; i < 3; i++) {
        assertThat(heard.ids(i)).isEqualTo(expected.get(i).tokens());
        assertThat(heard.text(i)).isEqualTo(expected.get(i).text());
      }
      assertThat(heard.ids(0)).isNotEqualTo(heard.ids(1));
    }
  }

  @Test
  void scoresAreOfTheModelsOwnDistribution() {
    try (GenerationEngine engine = engine(2, 64)) {
      EngineRequest request =
          new EngineRequest(
              List.of(prompt(1)),
              options().temperature(0.5).repetitionPenalty(1.5).seed(3).build(),
              new LogitAdjustments(1, 1, Map.of(65, 5.0)),
              documents.ends(),
              tokenizer.vocabularySize());
      for (EngineToken token : submit(engine, request).await().get(0)) {
        TokenScores scores = token.scores().orElseThrow();
        double sum = 0;
        double before = 0;
        for (TokenScores.Scored each : scores.top()) {
          sum += Math.exp(each.logProb());
          assertThat(each.logProb()).isLessThanOrEqualTo(before);
          before = each.logProb();
        }
        assertThat(scores.top()).hasSize(tokenizer.vocabularySize());
        assertThat(sum).isCloseTo(1, within(1e-9));
        assertThat(scores.top()).contains(new TokenScores.Scored(token.token(), scores.logProb()));
      }
    }
  }

  @Test
  void aTextsScoresAreThoseOfGeneratingIt() throws Exception {
    try (GenerationEngine engine = engine(2, 64)) {
      int[] prompt = prompt(2);
      List<EngineToken> tokens =
          submit(engine, request(options().build(), 3, prompt)).await().get(0);
      int[] whole = Arrays.copyOf(prompt, prompt.length + tokens.size());
      for (int i = 0; i < tokens.size(); i++) {
        whole[prompt.length + i] = tokens.get(i).token();
      }
      List<TokenScores> scores =
          engine.score(NAME, List.of(whole), 3).get(20, TimeUnit.SECONDS).get(0);
      assertThat(scores).hasSize(whole.length - 1);
      for (int i = 0; i < tokens.size(); i++) {
        assertThat(scores.get(prompt.length - 1 + i))
            .isEqualTo(tokens.get(i).scores().orElseThrow());
      }
    }
  }

  @Test
  void adjustmentsForceForbidAndDiscourageTokens() {
    try (GenerationEngine engine = engine(2, 64)) {
      int[] prompt = prompt(4);
      GenerationOptions greedy = options().build();
      int usual = submit(engine, request(greedy, -1, prompt)).ids(0).get(0);
      assertThat(ids(engine, prompt, new LogitAdjustments(0, 0, Map.of(usual, -100.0))))
          .doesNotContain(usual);
      assertThat(ids(engine, prompt, new LogitAdjustments(0, 0, Map.of(66, 100.0))))
          .containsOnly(66);
      // All tokens forced alike: with the penalty, each comes before one comes again.
      Map<Integer, Double> three = Map.of(65, 100.0, 66, 100.0, 67, 100.0);
      List<Integer> without = ids(engine, prompt, new LogitAdjustments(0, 0, three));
      List<Integer> with = ids(engine, prompt, new LogitAdjustments(2, 2, three));
      assertThat(repeated(with)).isLessThan(repeated(without));
      assertThat(with.stream().distinct()).hasSize(3);
    }
  }

  private List<Integer> ids(GenerationEngine engine, int[] prompt, LogitAdjustments adjustments) {
    return submit(
            engine,
            new EngineRequest(
                List.of(prompt), options().build(), adjustments, documents.ends(), -1))
        .ids(0);
  }

  private static long repeated(List<Integer> ids) {
    long repeated = 0;
    for (int i = 1; i < ids.size(); i++) {
      repeated += ids.get(i).equals(ids.get(i - 1)) ? 1 : 0;
    }
    return repeated;
  }

  @Test
  void embeddingsHaveLengthOneAndDoNotDependOnOthersToTheBit() throws Exception {
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      texts.add(prompt(i));
    }
    try (GenerationEngine engine = engine(2, 64)) {
      List<float[]> together = engine.embed(NAME, texts).get(20, TimeUnit.SECONDS);
      for (int i = 0; i < texts.size(); i++) {
        float[] alone = engine.embed(NAME, List.of(texts.get(i))).get(20, TimeUnit.SECONDS).get(0);
        assertThat(together.get(i)).isEqualTo(alone);
        double squares = 0;
        for (float each : alone) {
          squares += (double) each * each;
        }
        assertThat(squares).isCloseTo(1, within(1e-6));
      }
    }
  }

  @Test
  void aCancelledRequestLeavesAndTheOthersContinue() throws Exception {
    try (GenerationEngine engine = engine(2, 64)) {
      List<Integer> expected = submit(engine, request(options().build(), -1, prompt(5))).ids(0);
      CountDownLatch mayContinue = new CountDownLatch(1);
      Heard cancelled = new Heard(4, mayContinue);
      GenerationOptions endless = options().maxTokens(CONTEXT).build();
      EngineTicket ticket =
          engine.submit(
              NAME,
              new EngineRequest(
                  Collections.nCopies(4, new int[] {65}),
                  endless,
                  LogitAdjustments.NONE,
                  Set.of(),
                  -1),
              cancelled);
      Heard other = submit(engine, request(options().build(), -1, prompt(5)));
      awaitLatch(cancelled.first);
      ticket.cancel();
      mayContinue.countDown();
      assertThat(other.ids(0)).isEqualTo(expected);
      assertThat(cancelled.end).isNotDone();
      await(() -> engine.active() + engine.waiting() == 0);
    }
  }

  /** Asks at intervals: a thread that asks all the time can keep the lock from the engine's. */
  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(1);
    }
  }

  @Test
  void aFullQueueRefusesAndServesTheRest() {
    try (GenerationEngine engine = engine(1, 3)) {
      List<Heard> taken = new ArrayList<>();
      int refused = 0;
      EngineRequest request =
          new EngineRequest(
              List.of(new int[] {65}),
              options().maxTokens(60).build(),
              LogitAdjustments.NONE,
              Set.of(),
              -1);
      for (int i = 0; i < 200; i++) {
        try {
          taken.add(submit(engine, request));
        } catch (QueueFullException full) {
          assertThat(full).hasMessageContaining("at most 3 completions may wait");
          refused++;
        }
      }
      // One in the row, also while the engine's thread has not yet put it there, and three behind.
      assertThat(refused).isPositive();
      assertThat(taken).hasSizeGreaterThanOrEqualTo(4);
      taken.forEach(heard -> assertThat(heard.ids(0)).hasSize(60));
      assertThat(engine.mostChoices()).isEqualTo(4);
    }
  }

  @Test
  void aFreeRowIsCountedAlsoWhileTheEnginesThreadIsBusy() {
    CountDownLatch mayContinue = new CountDownLatch(1);
    try (GenerationEngine engine = engine(1, 3)) {
      engine.add("second", model, tokenizer, pool, CONTEXT);
      EngineRequest request = request(options().build(), -1, new int[] {65});
      Heard busy = new Heard(1, mayContinue);
      engine.submit(NAME, request, busy);
      awaitLatch(busy.first);
      List<Heard> taken = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        Heard heard = new Heard(1);
        engine.submit("second", request, heard);
        taken.add(heard);
      }
      assertThatThrownBy(() -> engine.submit("second", request, new Heard(1)))
          .isInstanceOf(QueueFullException.class)
          .hasMessageContaining("at most 3 completions may wait, and 3 do");
      mayContinue.countDown();
      taken.forEach(heard -> assertThat(heard.ids(0)).isEqualTo(busy.ids(0)));
    }
  }

  @Test
  void refusesPromptsWithoutRoomAndUnknownModels() {
    try (GenerationEngine engine = engine(1, 3)) {
      assertThatThrownBy(() -> submit(engine, request(options().build(), -1, new int[CONTEXT])))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("the prompt must have 1 to 63 tokens")
          .hasMessageContaining("got 64: shorten it");
      assertThatThrownBy(() -> submit(engine, request(options().build(), -1, new int[0])))
          .hasMessageContaining("got 0: give it text");
      assertThatThrownBy(() -> engine.context("other"))
          .hasMessage("engine: there is no model other");
      assertThatThrownBy(() -> engine.add(NAME, model, tokenizer, pool, CONTEXT))
          .hasMessageContaining("different names, got model twice");
      assertThatThrownBy(() -> engine.add("long", model, tokenizer, pool, CONTEXT + 1))
          .hasMessageContaining("must have 2 to 64 tokens");
    }
    assertThatThrownBy(() -> new GenerationEngine(0, 1))
        .hasMessage("the largest batch must be at least 1, got 0: raise it");
  }

  @Test
  void aListenerThatFailsEndsItsOwnRequestAlone() throws Exception {
    try (GenerationEngine engine = engine(2, 64)) {
      CompletableFuture<Throwable> failed = new CompletableFuture<>();
      AtomicInteger tokens = new AtomicInteger();
      engine.submit(
          NAME,
          request(options().build(), -1, prompt(1)),
          new EngineListener() {
            @Override
            public void onToken(EngineToken token) {
              tokens.incrementAndGet();
              throw new IllegalStateException("a defect");
            }

            @Override
            public void onEnd() {
              failed.complete(null);
            }

            @Override
            public void onFailure(Throwable failure) {
              failed.complete(failure);
              throw new IllegalStateException("another one");
            }
          });
      assertThat(failed.get(20, TimeUnit.SECONDS)).hasMessage("a defect");
      assertThat(tokens).hasValue(1);
      assertThat(submit(engine, request(options().build(), -1, prompt(1))).ids(0)).isNotEmpty();
    }
  }

  @Test
  void closingFailsWhatIsInProgressAndReturnsMemory() {
    long before = pool.lentBytes();
    GenerationEngine engine = engine(1, 64);
    List<Heard> heard = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      heard.add(
          submit(
              engine,
              new EngineRequest(
                  List.of(new int[] {65}),
                  options().maxTokens(60).build(),
                  LogitAdjustments.NONE,
                  Set.of(),
                  -1)));
    }
    CompletableFuture<List<float[]>> vectors = engine.embed(NAME, List.of(prompt(1)));
    engine.close();
    long failed = heard.stream().filter(each -> each.end.isCompletedExceptionally()).count();
    assertThat(failed).isPositive();
    assertThat(heard).allMatch(each -> each.end.isDone());
    assertThat(vectors).isDone();
    assertThat(engine.isOpen()).isFalse();
    assertThat(pool.lentBytes()).isEqualTo(before);
    assertThatThrownBy(() -> submit(engine, request(options().build(), -1, prompt(1))))
        .isInstanceOf(EngineClosedException.class);
    assertThatThrownBy(() -> engine.embed(NAME, List.of(prompt(1))))
        .isInstanceOf(EngineClosedException.class);
  }

  @Test
  void twoModelsTakeTurns() throws Exception {
    try (LanguageModel second =
            Models.create(
                TestModels.withInitStd(TestModels.gpt2(1, 16, 2, 32, VOCABULARY), 0.4),
                backend,
                9);
        GenerationEngine engine = engine(2, 64)) {
      // Nothing runs in the engine yet, which has the backend from the first request on.
      Completion expected =
          new Generator(second, tokenizer, pool)
              .generateFromIds(
                  List.of(new int[] {70}), options().maxTokens(5).build(), TokenListener.NONE)
              .get(0);
      engine.add("second", second, tokenizer, pool, 32);
      assertThat(engine.context("second")).isEqualTo(32);
      Heard first = submit(engine, request(options().build(), -1, prompt(6)));
      Heard other = new Heard(1);
      engine.submit("second", request(options().maxTokens(5).build(), -1, new int[] {70}), other);
      assertThat(other.ids(0)).isEqualTo(expected.tokens());
      assertThat(first.ids(0)).isNotEmpty();
      assertThat(engine.embed("second", List.of(new int[] {65})).get(20, TimeUnit.SECONDS).get(0))
          .hasSize(16);
    }
  }
}

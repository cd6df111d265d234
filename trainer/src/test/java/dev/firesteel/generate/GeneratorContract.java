package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What generation promises, on every backend. */
abstract class GeneratorContract {
  private static final int CONTEXT = 24;
  private static final CharTokenizer TOKENIZER =
      CharTokenizer.train(List.of("abcdefghij\n").iterator()).withEndOfText();

  final Backend backend;
  final ArrayPool pool;
  private final float logitTolerance;

  /**
   * @param logitTolerance between logits of one cache pass and those of whole sequences; 0 for the
   *     same bits
   */
  GeneratorContract(Backend backend, float logitTolerance) {
    this.backend = backend;
    this.logitTolerance = logitTolerance;
    this.pool = new ArrayPool(backend);
  }

  @AfterEach
  void close() {
    pool.close();
    backend.close();
  }

  /**
   * Large weights, so that the random models have opinions; a vocabulary beyond the tokenizer's.
   */
  static Stream<ModelConfig> models() {
    return Stream.of(
            TestModels.gpt2(2, 16, 2, CONTEXT, 16),
            TestModels.llama(2, 16, 4, 2, 24, CONTEXT, 16),
            TestModels.llama(2, 16, 4, 1, 24, CONTEXT, 16, RopeSpec.Layout.INTERLEAVED, true),
            TestModels.llama(2, 16, 4, 2, 24, CONTEXT, 16).toBuilder()
                .architecture(Architecture.QWEN3)
                .headWidth(6)
                .ropeScaling(
                    new RopeScalingConfig(RopeScalingConfig.Type.YARN, 4, 4, 1, 32, 1.25, true))
                .build())
        .map(config -> TestModels.withInitStd(config, 0.4));
  }

  private LanguageModel model(ModelConfig config) {
    return Models.create(config, backend, 5);
  }

  private Generator generator(ModelConfig config) {
    return new Generator(model(config), TOKENIZER, pool);
  }

  private static GenerationOptions.Builder drawing() {
    return GenerationOptions.builder().temperature(1).maxTokens(12).seed(3);
  }

  /** Every logit from the whole sequence, without a cache. */
  final class UncachedScores implements NextTokenScores {
    private final LanguageModel model;
    private List<int[]> sequences;

    UncachedScores(LanguageModel model, List<int[]> prompts) {
      this.model = model;
      this.sequences = prompts;
    }

    @Override
    public float[][] first() {
      return sequences.stream().map(this::logits).toArray(float[][]::new);
    }

    @Override
    public float[][] next(int[] sources, int[] tokens) {
      List<int[]> next = new ArrayList<>();
      for (int i = 0; i < sources.length; i++) {
        int[] source = sequences.get(sources[i]);
        int[] longer = Arrays.copyOf(source, source.length + 1);
        longer[source.length] = tokens[i];
        next.add(longer);
      }
      sequences = next;
      return first();
    }

    private float[] logits(int[] sequence) {
      int vocabulary = model.config().vocabularySize();
      float[] all = new float[sequence.length * vocabulary];
      try (Tape tape = Tape.inference(backend, pool)) {
        ForwardPass pass = ForwardPass.inference(tape, model.parameters());
        backend.download(
            model.logits(pass, tape.constant(sequence, Shape.of(1, sequence.length))).array(),
            all,
            0);
      }
      return Arrays.copyOfRange(
          all, (sequence.length - 1) * vocabulary, sequence.length * vocabulary);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void cachedLogitsEqualUncachedOnes(ModelConfig config) {
    LanguageModel model = model(config);
    List<int[]> prompts = List.of(new int[] {1, 2, 3, 4, 5, 6}, new int[] {7}, new int[] {8, 9, 1});
    NextTokenScores uncached = new UncachedScores(model, prompts);
    try (CachedScores cached = new CachedScores(model, pool, prompts, CONTEXT, 16)) {
      assertEqual(cached.first(), uncached.first());
      // Sequences swap, split and end, as in beam search.
      int[][] sources = {{0, 1, 2}, {2, 1, 0}, {1, 1, 0, 2}, {3, 0}, {1, 1, 1}};
      int[][] tokens = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9, 1}, {2, 3}, {4, 5, 6}};
      for (int step = 0; step < sources.length; step++) {
        assertEqual(
            cached.next(sources[step], tokens[step]), uncached.next(sources[step], tokens[step]));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {120, 150})
  void cachedLogitsOfLongPromptsEqualUncachedOnes(int longest) {
    // Longer than the kernels' blocks of 64 queries, in a batch of different lengths.
    LanguageModel model =
        model(TestModels.withInitStd(TestModels.llama(2, 64, 4, 2, 96, 200, 16), 0.2));
    List<int[]> prompts = List.of(prompt(longest), prompt(64), prompt(65), prompt(1));
    NextTokenScores uncached = new UncachedScores(model, prompts);
    try (CachedScores cached = new CachedScores(model, pool, prompts, 200, 16)) {
      assertEqual(cached.first(), uncached.first());
      for (int token = 0; token < 5; token++) {
        int[] sources = {1, 0, 2, 3};
        int[] tokens = {token, 3, 4, 5};
        assertEqual(cached.next(sources, tokens), uncached.next(sources, tokens));
      }
    }
  }

  static int[] prompt(int length) {
    RandomStream random = RandomStream.of(length, "prompt");
    int[] ids = new int[length];
    for (int i = 0; i < length; i++) {
      ids[i] = random.nextInt(16);
    }
    return ids;
  }

  private void assertEqual(float[][] got, float[][] wanted) {
    assertThat(got).hasSameDimensionsAs(wanted);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).containsExactly(wanted[i], within(logitTolerance));
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void aPromptsCompletionDoesNotDependOnTheOthers(ModelConfig config) {
    Generator generator = generator(config);
    GenerationOptions options = drawing().build();

    List<Completion> one =
        generator.generate(List.of("abcab", "j", "cdefghij"), options, TokenListener.NONE);
    List<Completion> other =
        generator.generate(List.of("ihgfedcba", "j", "a"), options, TokenListener.NONE);

    assertThat(other.get(1)).isEqualTo(one.get(1));
    assertThat(generator.generate("abcab", options)).isEqualTo(one.get(0));
    assertThat(one.get(2)).isNotEqualTo(other.get(2));
  }

  @ParameterizedTest
  @MethodSource("models")
  void greedyTakesTheLikeliestOfTheUncachedLogits(ModelConfig config) {
    LanguageModel model = model(config);
    Completion completion =
        new Generator(model, TOKENIZER, pool)
            .generate("abc", GenerationOptions.builder().maxTokens(15).build());

    UncachedScores scores = new UncachedScores(model, List.of(TOKENIZER.encode("abc")));
    float[] logits = scores.first()[0];
    for (int token : completion.tokens()) {
      float[] known = Arrays.copyOf(logits, TOKENIZER.vocabularySize());
      assertThat(TokenSampler.argmax(known)).isEqualTo(token);
      logits = scores.next(new int[] {0}, new int[] {token})[0];
    }
  }

  @Test
  void nextTokensAreThoseOfTheModelsDistribution() {
    try (LanguageModel model = Models.create(TestModels.gpt2(2, 16, 2, CONTEXT, 13), backend, 3)) {
      Generator generator = new Generator(model, TOKENIZER, pool);
      GenerationOptions greedy = GenerationOptions.builder().maxTokens(6).build();
      List<NextTokens> positions = generator.nextTokens("abc", 6, TOKENIZER.vocabularySize());

      assertThat(positions.stream().map(NextTokens::first).toList())
          .isEqualTo(generator.generate("abc", greedy).tokens());
      for (NextTokens next : positions) {
        double sum =
            next.candidates().stream().mapToDouble(NextTokens.Candidate::probability).sum();
        assertThat(sum).isCloseTo(1, within(1e-12));
        assertThat(next.candidates())
            .isSortedAccordingTo((a, b) -> Double.compare(b.probability(), a.probability()));
      }
      assertThat(generator.nextTokens("abc", 2, 3).get(1).candidates())
          .isEqualTo(positions.get(1).candidates().subList(0, 3));
      assertThat(generator.nextTokens("a".repeat(CONTEXT - 2), 9, 1)).hasSizeLessThanOrEqualTo(2);
    }
  }

  @Test
  void aSeedReproducesAndAnotherDiffers() {
    Generator generator = generator(models().findFirst().orElseThrow());

    Completion first = generator.generate("abc", drawing().build());

    assertThat(generator.generate("abc", drawing().build())).isEqualTo(first);
    assertThat(generator.generate("abc", drawing().seed(4).build())).isNotEqualTo(first);
  }

  @Test
  void endsAtTheTokensAskedForOrWithTheContext() {
    Generator generator = generator(withoutEnd());

    Completion asked = generator.generate("abcd", drawing().maxTokens(5).build());
    Completion full = generator.generate("abcd", drawing().maxTokens(500).build());

    assertThat(asked.tokens()).hasSize(5);
    assertThat(asked.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(full.tokens())
        .hasSize(CONTEXT - 4)
        .startsWith(asked.tokens().toArray(Integer[]::new));
    assertThat(full.finishReason()).isEqualTo(FinishReason.CONTEXT);
  }

  /** A model whose draws under the tests' seed do not end the document. */
  private static ModelConfig withoutEnd() {
    return TestModels.withInitStd(TestModels.gpt2(1, 16, 2, CONTEXT, 12), 0.02);
  }

  @Test
  void refusesPromptsThatLeaveNoRoom() {
    Generator generator = generator(withoutEnd());

    assertThatThrownBy(() -> generator.generate("a".repeat(CONTEXT), drawing().build()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "prompt 1 must have 1 to 23 tokens, since the model's context holds 24, got 24: shorten"
                + " it, or use a model with a longer context");
    assertThat(generator.generate("a".repeat(CONTEXT - 1), drawing().build()).tokens()).hasSize(1);
  }

  @Test
  void refusesATokenizerThatKnowsMore() {
    LanguageModel model = model(TestModels.gpt2(1, 8, 2, 8, 11));

    assertThatThrownBy(() -> new Generator(model, TOKENIZER, pool))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the tokenizer must have at most as many tokens as the model (11), got 12: use the"
                + " tokenizer that the model was trained with");
  }

  @Test
  void anEmptyPromptIsTheStartOfADocument() {
    Generator generator = generator(withoutEnd());

    assertThat(generator.generate("", drawing().build()))
        .isEqualTo(generator.generate("<|endoftext|>", drawing().build()));
  }

  @Test
  void stopStringsCutTheTextAndAreNotHeardBefore() {
    Generator generator = generator(withoutEnd());
    String whole = generator.generate("abc", drawing().build()).text();
    assertThat(whole).hasSize(12);
    String stop = whole.substring(5, 8);
    int at = whole.indexOf(stop);
    StringBuilder heard = new StringBuilder();
    List<Integer> tokens = new ArrayList<>();

    Completion completion =
        generator
            .generate(
                List.of("abc"),
                drawing().stopStrings(List.of("<never>", stop)).build(),
                (prompt, token, text) -> {
                  tokens.add(token);
                  heard.append(text);
                })
            .get(0);

    assertThat(completion.text()).isEqualTo(whole.substring(0, at)).isEqualTo(heard.toString());
    assertThat(completion.tokens()).hasSize(at + 3).isEqualTo(tokens);
    assertThat(completion.finishReason()).isEqualTo(FinishReason.STOP);
  }

  @Test
  void theEndOfTheDocumentStops() {
    // Every completion of a model of few tokens meets the end-of-text token sooner or later.
    Generator generator = generator(withoutEnd());
    List<Completion> completions =
        generator.generate(
            Collections.nCopies(20, "a"), drawing().maxTokens(20).build(), TokenListener.NONE);
    int end = TOKENIZER.endOfText().orElseThrow();

    assertThat(completions)
        .filteredOn(completion -> completion.finishReason() == FinishReason.STOP)
        .isNotEmpty()
        .allSatisfy(
            completion -> {
              assertThat(completion.tokens()).containsOnlyOnce(end).endsWith(end);
              assertThat(completion.text()).hasSize(completion.tokens().size() - 1);
            });
    assertThat(completions)
        .filteredOn(completion -> completion.finishReason() != FinishReason.STOP)
        .isNotEmpty()
        .allSatisfy(completion -> assertThat(completion.tokens()).doesNotContain(end).hasSize(20));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void eachEndThatTheModelNamesStopsAndIsNotPrinted(int beams) {
    int newLine = TOKENIZER.id("\n").orElseThrow();
    int end = TOKENIZER.endOfText().orElseThrow();
    Set<Integer> ends = Set.of(newLine, end, 3, 4);
    Generator generator =
        new Generator(
            model(withoutEnd()), TOKENIZER, new DocumentTokens(OptionalInt.of(3), ends), pool);
    GenerationOptions options =
        beams == 1
            ? drawing().maxTokens(20).build()
            : GenerationOptions.builder().beams(beams).lengthPenalty(0).maxTokens(20).build();

    List<Completion> completions =
        generator.generate(Collections.nCopies(8, "a"), options, TokenListener.NONE);

    assertThat(completions)
        .filteredOn(completion -> completion.finishReason() == FinishReason.STOP)
        .isNotEmpty()
        .allSatisfy(
            completion -> {
              List<Integer> tokens = completion.tokens();
              assertThat(ends).contains(tokens.get(tokens.size() - 1));
              assertThat(tokens.subList(0, tokens.size() - 1)).doesNotContainAnyElementsOf(ends);
              assertThat(completion.text()).hasSize(tokens.size() - 1);
            });
    assertThat(generator.generate("", options)).isEqualTo(generator.generate("c", options));
  }

  @ParameterizedTest
  @MethodSource("models")
  void aStrongRepetitionPenaltyGivesDifferentTokensWhileThereAreAny(ModelConfig config) {
    Completion completion =
        generator(config)
            .generate(
                "ab", GenerationOptions.builder().maxTokens(6).repetitionPenalty(1e9).build());

    assertThat(completion.tokens()).doesNotHaveDuplicates().doesNotContain(1, 2);
  }

  @ParameterizedTest
  @MethodSource("models")
  void beamSearchFindsAtLeastTheProbabilityOfGreedy(ModelConfig config) {
    LanguageModel model = model(config);
    Generator generator = new Generator(model, TOKENIZER, pool);
    GenerationOptions greedy = GenerationOptions.builder().maxTokens(6).lengthPenalty(0).build();
    GenerationOptions beams =
        GenerationOptions.builder().maxTokens(6).lengthPenalty(0).beams(200).build();
    StringBuilder heard = new StringBuilder();

    Completion one = generator.generate("abc", greedy);
    Completion best =
        generator
            .generate(List.of("abc"), beams, (prompt, token, text) -> heard.append(text))
            .get(0);

    assertThat(logProbability(model, best)).isGreaterThanOrEqualTo(logProbability(model, one));
    assertThat(heard.toString()).isEqualTo(best.text());
  }

  private double logProbability(LanguageModel model, Completion completion) {
    UncachedScores scores = new UncachedScores(model, List.of(TOKENIZER.encode("abc")));
    float[] logits = scores.first()[0];
    double sum = 0;
    for (int token : completion.tokens()) {
      double total = 0;
      for (int id = 0; id < TOKENIZER.vocabularySize(); id++) {
        total += Math.exp(logits[id]);
      }
      sum += logits[token] - Math.log(total);
      logits = scores.next(new int[] {0}, new int[] {token})[0];
    }
    return sum;
  }
}

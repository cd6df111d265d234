package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What rollouts promise on every backend with reproducible bits. */
abstract class RolloutsContract {
  private static final int CONTEXT = 40;

  /** Of the model's 16 ids, as many as the tokenizer has. */
  private static final int VOCABULARY = 12;

  private static final int END = 11;
  private static final int SAMPLES = 19;

  private final Backend backend;
  private final ArrayPool pool;

  RolloutsContract(Backend backend) {
    this.backend = backend;
    this.pool = new ArrayPool(backend);
  }

  @AfterEach
  void close() {
    pool.close();
    backend.close();
  }

  static Stream<ModelConfig> models() {
    return Stream.of(
            TestModels.gpt2(2, 16, 2, CONTEXT, 16),
            TestModels.llama(2, 16, 4, 2, 24, CONTEXT, 16),
            TestModels.llama(2, 16, 4, 2, 24, CONTEXT, 16).toBuilder()
                .architecture(Architecture.MISTRAL)
                .window(5)
                .build())
        .map(config -> TestModels.withInitStd(config, 0.4));
  }

  private LanguageModel model(ModelConfig config) {
    return Models.create(config, backend, 5);
  }

  private static RolloutOptions options(int batch) {
    return new RolloutOptions(15, 1.5, Set.of(END), batch, 7);
  }

  /** Prompts of 1 to 9 tokens. */
  private static List<int[]> prompts() {
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      RandomStream random = RandomStream.of(i, "prompt");
      int[] prompt = new int[1 + random.nextInt(9)];
      Arrays.setAll(prompt, t -> random.nextInt(VOCABULARY));
      prompts.add(prompt);
    }
    return prompts;
  }

  private List<Rollout> sample(LanguageModel model, int batch, List<int[]> prompts, long... at) {
    return new Rollouts(model, pool, VOCABULARY, options(batch))
        .sample(prompts, at, RolloutListener.NONE);
  }

  private static long[] indices(int from, int to) {
    return LongStream.range(from, to).toArray();
  }

  private static void assertSame(List<Rollout> got, List<Rollout> wanted) {
    assertThat(got).hasSameSizeAs(wanted);
    for (int i = 0; i < got.size(); i++) {
      assertThat(got.get(i).prompt()).isEqualTo(wanted.get(i).prompt());
      assertThat(got.get(i).completion()).as("of %d", i).isEqualTo(wanted.get(i).completion());
      assertThat(got.get(i).ended()).isEqualTo(wanted.get(i).ended());
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void aCompletionDependsOnItsPromptAndIndexAlone(ModelConfig config) {
    LanguageModel model = model(config);
    List<int[]> prompts = prompts();
    List<Rollout> alone = sample(model, 1, prompts, indices(0, SAMPLES));

    // Lengths differ, and some end while others do not: rows are refilled, and gaps closed.
    assertThat(alone.stream().map(rollout -> rollout.completion().length).distinct())
        .hasSizeGreaterThan(3);
    assertThat(alone.stream().map(Rollout::ended).distinct()).hasSize(2);
    for (int batch : new int[] {2, 3, 8, SAMPLES, 100}) {
      assertSame(sample(model, batch, prompts, indices(0, SAMPLES)), alone);
    }
    // As two ranks divide them.
    List<Rollout> divided = new ArrayList<>();
    divided.addAll(sample(model, 3, prompts.subList(0, 8), indices(0, 8)));
    divided.addAll(sample(model, 8, prompts.subList(8, SAMPLES), indices(8, SAMPLES)));
    assertSame(divided, alone);
    // In reverse.
    List<int[]> reversed = new ArrayList<>(prompts);
    Collections.reverse(reversed);
    long[] backwards = LongStream.range(0, SAMPLES).map(i -> SAMPLES - 1 - i).toArray();
    List<Rollout> again = new ArrayList<>(sample(model, 4, reversed, backwards));
    Collections.reverse(again);
    assertSame(again, alone);
  }

  @ParameterizedTest
  @MethodSource("models")
  void tokensAreThoseOfTheWholeSequencesLogits(ModelConfig config) {
    LanguageModel model = model(config);
    TokenSampler sampler = new TokenSampler(options(1).sampling());
    List<int[]> prompts = prompts();
    List<Rollout> rollouts = sample(model, 5, prompts, indices(100, 100 + SAMPLES));
    for (int i = 0; i < SAMPLES; i++) {
      RandomStream random = RandomStream.of(7, "rollout", 100 + i);
      int[] sequence = prompts.get(i);
      for (int token : rollouts.get(i).completion()) {
        try (DecodingRows rows = new DecodingRows(model, pool, 1, CONTEXT)) {
          rows.begin(new int[] {0}, List.of(sequence));
          assertThat(sampler.sample(rows.logits(), 0, VOCABULARY, new BitSet(), random))
              .isEqualTo(token);
        }
        sequence = Arrays.copyOf(sequence, sequence.length + 1);
        sequence[sequence.length - 1] = token;
      }
    }
  }

  @Test
  void completionsEndWithAnEndTokenOrAtTheirGreatestLength() {
    LanguageModel model = model(models().findFirst().orElseThrow());
    List<int[]> prompts = new ArrayList<>(prompts());
    int[] almostFull = new int[CONTEXT - 2];
    prompts.add(almostFull);
    List<Rollout> rollouts = sample(model, 4, prompts, indices(0, SAMPLES + 1));

    for (Rollout rollout : rollouts) {
      int[] completion = rollout.completion();
      assertThat(completion).isNotEmpty();
      assertThat(Arrays.stream(completion).limit(completion.length - 1)).doesNotContain(END);
      assertThat(completion[completion.length - 1] == END).isEqualTo(rollout.ended());
      assertThat(Arrays.stream(completion)).allMatch(id -> id < VOCABULARY);
      if (!rollout.ended()) {
        assertThat(completion).hasSize(Math.min(15, CONTEXT - rollout.prompt().length));
      }
    }
  }

  @Test
  void anotherIndexOrSeedGivesAnotherCompletion() {
    LanguageModel model = model(models().findFirst().orElseThrow());
    List<int[]> same = Collections.nCopies(4, new int[] {1, 2, 3});

    List<Rollout> rollouts = sample(model, 4, same, 5, 5, 6, 7);

    assertThat(rollouts.get(1).completion()).isEqualTo(rollouts.get(0).completion());
    assertThat(rollouts.get(2).completion()).isNotEqualTo(rollouts.get(0).completion());
    assertThat(rollouts.get(3).completion()).isNotEqualTo(rollouts.get(2).completion());
  }

  @Test
  void temperature0IsGreedyGeneration() {
    LanguageModel model = model(models().findFirst().orElseThrow());
    CharTokenizer tokenizer =
        CharTokenizer.train(List.of("abcdefghij\n").iterator()).withEndOfText();
    Generator generator =
        new Generator(model, tokenizer, new DocumentTokens(OptionalInt.of(END), Set.of(END)), pool);
    List<Completion> completions =
        generator.generateFromIds(
            prompts(), GenerationOptions.builder().maxTokens(15).build(), TokenListener.NONE);

    List<Rollout> rollouts =
        new Rollouts(model, pool, VOCABULARY, new RolloutOptions(15, 0, Set.of(END), 3, 1))
            .sample(prompts(), indices(0, SAMPLES), RolloutListener.NONE);

    for (int i = 0; i < SAMPLES; i++) {
      assertThat(Arrays.stream(rollouts.get(i).completion()).boxed())
          .isEqualTo(completions.get(i).tokens());
    }
  }

  @Test
  void progressCountsTokensAndCompletionsAndMemoryIsReturned() {
    LanguageModel model = model(models().findFirst().orElseThrow());
    List<Long> tokens = new ArrayList<>();
    List<Integer> finished = new ArrayList<>();
    long before = pool.lentBytes();

    List<Rollout> rollouts =
        new Rollouts(model, pool, VOCABULARY, options(4))
            .sample(
                prompts(),
                indices(0, SAMPLES),
                (sampled, ended) -> {
                  tokens.add(sampled);
                  finished.add(ended);
                });

    assertThat(tokens).isSorted().doesNotHaveDuplicates();
    assertThat(finished).isSorted();
    assertThat(tokens.get(tokens.size() - 1))
        .isEqualTo(rollouts.stream().mapToLong(rollout -> rollout.completion().length).sum());
    assertThat(finished.get(finished.size() - 1)).isEqualTo(SAMPLES);
    assertThat(pool.lentBytes()).isEqualTo(before);
  }

  @Test
  void aLongQueueOfPromptsIsComputedInSeveralPasses() {
    LanguageModel model = model(TestModels.withInitStd(TestModels.gpt2(1, 16, 2, 700, 16), 0.4));
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      prompts.add(GeneratorContract.prompt(i == 4 ? 5 : 600 + i));
    }
    RolloutOptions options = new RolloutOptions(3, 1, Set.of(), 9, 1);
    List<Integer> finished = new ArrayList<>();

    List<Rollout> together =
        new Rollouts(model, pool, 16, options)
            .sample(prompts, indices(0, 9), (tokens, ended) -> finished.add(ended));

    // Two passes for the prompts, which 4096 tokens divide, and one for each further token.
    assertThat(finished).hasSize(2 + 2);
    for (int i = 0; i < 9; i++) {
      assertSame(
          new Rollouts(model, pool, 16, options)
              .sample(prompts.subList(i, i + 1), new long[] {i}, RolloutListener.NONE),
          together.subList(i, i + 1));
    }
  }

  @Test
  void noPromptsGiveNoRollouts() {
    LanguageModel model = model(models().findFirst().orElseThrow());

    assertThat(sample(model, 4, List.of())).isEmpty();
  }

  @Test
  void refusesPromptsWithoutRoomAndIndicesThatDoNotMatch() {
    LanguageModel model = model(models().findFirst().orElseThrow());

    assertThatThrownBy(() -> sample(model, 2, List.of(new int[1], new int[CONTEXT]), 3, 9))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the prompt of sample 9 must have 1 to 39 tokens, since the model's context holds 40,"
                + " got 40: drop such prompts when the data is prepared, or use a model with a"
                + " longer context");
    assertThatThrownBy(() -> sample(model, 2, List.of(new int[0]), 1))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have 1 to 39 tokens");
    assertThatThrownBy(() -> sample(model, 2, List.of(new int[1]), 1, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rollouts: there must be an index for each of 1 prompts, got 2");
  }

  @Test
  void refusesTokensThatModelOrTokenizerLack() {
    LanguageModel model = model(models().findFirst().orElseThrow());

    assertThatThrownBy(() -> new Rollouts(model, pool, 17, options(1)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the tokenizer must have 1 to 16 tokens, as many as the model knows, got 17: use the"
                + " tokenizer that the model was trained with");
    assertThatThrownBy(() -> new Rollouts(model, pool, END, options(1)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "end tokens of rollouts must be ids of the tokenizer, 0 to 10, got 11: name tokens that"
                + " the tokenizer has");
  }

  @Test
  void refusesOptionsOutOfRange() {
    assertThatThrownBy(() -> new RolloutOptions(5, 1, Set.of(), 0, 1))
        .isInstanceOf(UserException.class)
        .hasMessage("the batch of rollouts must be at least 1, got 0");
    assertThatThrownBy(() -> new RolloutOptions(0, 1, Set.of(), 1, 1))
        .isInstanceOf(UserException.class)
        .hasMessage("max tokens must be at least 1, got 0");
    assertThatThrownBy(() -> new RolloutOptions(5, -1, Set.of(), 1, 1))
        .isInstanceOf(UserException.class)
        .hasMessage("temperature must be at least 0, got -1.0");
  }
}

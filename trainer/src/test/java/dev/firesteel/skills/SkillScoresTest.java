package dev.firesteel.skills;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.Optimizers;
import dev.firesteel.optim.TestOptimizers;
import dev.firesteel.skills.SkillScores.Score;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SkillScoresTest {
  private static final Tokenizer TOKENIZER =
      CharTokenizer.train(List.of("copy add close 0123456789+:()[]{}<>abcdefgh").iterator())
          .withEndOfText();
  private static final int END = TOKENIZER.endOfText().orElseThrow();

  private final Backend backend = new ReferenceBackend();
  private final ArrayPool pool = new ArrayPool(backend);

  @AfterEach
  void close() {
    pool.close();
    backend.close();
  }

  private LanguageModel model(int context) {
    LanguageModel model =
        Models.declare(TestModels.gpt2(1, 32, 2, context, TOKENIZER.vocabularySize()));
    model.parameters().allocate(backend, DType.F64);
    model.parameters().initialize(3);
    return model;
  }

  /** End, prompt, answer, end. */
  private static int[] document(Skill.Problem problem) {
    int[] text = TOKENIZER.encode(problem.prompt() + problem.answer());
    int[] all = new int[text.length + 2];
    all[0] = END;
    all[all.length - 1] = END;
    System.arraycopy(text, 0, all, 1, text.length);
    return all;
  }

  private double logLikelihood(LanguageModel model, Skill.Problem problem) {
    int[] all = document(problem);
    int[] ids = Arrays.copyOf(all, all.length - 1);
    int[] targets = Arrays.copyOfRange(all, 1, all.length);
    double[] each =
        LogProbs.of(model, 1)
            .compute(pool, ids, targets, RowLayout.whole(1, ids.length), 1)
            .logProbs();
    return Arrays.stream(each, problem.prompt().length(), each.length).sum();
  }

  @Test
  void likelihoodsAreThoseOfEachAnswerAlone() {
    int problems = 40;
    try (LanguageModel model = model(40)) {
      Map<Skill, Score> scores = SkillScores.measure(model, TOKENIZER, pool, problems);
      for (Skill skill : Skill.values()) {
        double sum = 0;
        double expected = 0;
        int tokens = 0;
        for (int i = 0; i < problems; i++) {
          Skill.Problem problem = skill.problem(1, true, i);
          double logLikelihood = logLikelihood(model, problem);
          sum += logLikelihood;
          expected += Math.exp(logLikelihood) / problems;
          tokens += problem.answer().length() + 1;
        }
        assertThat(scores.get(skill).logLikelihood()).isCloseTo(sum / tokens, within(1e-9));
        assertThat(scores.get(skill).expectedMatch()).isCloseTo(expected, within(1e-12));
        assertThat(scores.get(skill).exactMatch()).as("untrained").isZero();
      }
    }
  }

  /** Trained on the first of two problems until it is known by heart. */
  @Test
  void anAnswerKnownByHeartIsAnExactMatch() {
    int[] document = document(Skill.COPY.problem(1, true, 0));
    int length = document.length - 1;
    try (LanguageModel model = model(40);
        Optimizer optimizer =
            Optimizers.of(TestOptimizers.config("weight_decay=0"), model.parameters())) {
      Segment gradients = model.parameters().newSegment();
      GradientClipping clipping = new GradientClipping(1);
      for (int step = 0; step < 60; step++) {
        try (Tape tape = Tape.training(backend, pool)) {
          ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 0);
          Shape row = Shape.of(1, length);
          tape.backward(
              model.loss(
                  pass,
                  tape.constant(Arrays.copyOf(document, length), row),
                  tape.constant(Arrays.copyOfRange(document, 1, length + 1), row),
                  1.0 / length));
        }
        optimizer.step(gradients, 0.01, clipping.scale(GradientClipping.norm(gradients)));
      }
      assertThat(SkillScores.measure(model, TOKENIZER, pool, 1).get(Skill.COPY).exactMatch())
          .isEqualTo(1);
      assertThat(SkillScores.measure(model, TOKENIZER, pool, 2).get(Skill.COPY).exactMatch())
          .isEqualTo(0.5);
    }
  }

  @Test
  void aShortContextIsRefused() {
    try (LanguageModel model = model(12)) {
      assertThatThrownBy(() -> SkillScores.measure(model, TOKENIZER, pool, 5))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("raise model.context_length");
    }
  }
}

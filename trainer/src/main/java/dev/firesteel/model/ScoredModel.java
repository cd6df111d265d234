package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.ScalarHead;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * A transformer that gives a number instead of a next token: a reward model, whose number at the
 * last token of an answer is its score, or a value model, which has one at each token.
 *
 * <p>It is a language model without an output head of its own (its embedding stands for one and is
 * not used as such) and with a {@link ScalarHead}. A reward model's head has no bias, like that of
 * Hugging Face's {@code ...ForSequenceClassification}; its scores are {@code (raw - mean) / std}
 * with a mean and a standard deviation that are saved with it.
 */
public final class ScoredModel implements AutoCloseable {
  /** Name of the head of a reward model: Hugging Face's. */
  public static final String REWARD_HEAD = "score";

  /** Name of the head of a value model. */
  public static final String VALUE_HEAD = "value_head";

  /** [2]: mean, and standard deviation minus 1, of raw scores. */
  private static final String NORMALIZATION = "score_normalization";

  private final LanguageModel backbone;
  private final ScalarHead head;
  private final Parameter normalization; // null for a value model

  private ScoredModel(LanguageModel backbone, ScalarHead head, Parameter normalization) {
    this.backbone = backbone;
    this.head = head;
    this.normalization = normalization;
  }

  /**
   * Declares a reward model, with the head's weight from N(0, 1 / (C + 1)).
   *
   * @param projections {@link Projections#DENSE}, or adapters, beside which everything but the head
   *     is frozen
   */
  public static ScoredModel reward(ModelConfig config, Projections projections) {
    return declare(config, projections, REWARD_HEAD, ScalarHead.initial(config.width()), false);
  }

  /** Declares a value model, whose head starts at 0. */
  public static ScoredModel value(ModelConfig config, Projections projections) {
    return declare(config, projections, VALUE_HEAD, Initializer.constant(0), true);
  }

  /**
   * Declares a head of values, which starts at 0, on a language model: its numbers come from the
   * model's last hidden states, and its parameters are among the model's.
   *
   * @param parameters on which the model was declared, before they are built
   */
  public static ScoredModel valueHead(LanguageModel model, ParameterSet.Builder parameters) {
    return new ScoredModel(
        model,
        new ScalarHead(
            parameters, VALUE_HEAD, model.config().width(), true, Initializer.constant(0)),
        null);
  }

  private static ScoredModel declare(
      ModelConfig config,
      Projections projections,
      String name,
      Initializer initial,
      boolean isValue) {
    ModelConfig headless = config.toBuilder().tieEmbeddings(true).build();
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel backbone = Models.declare(headless, parameters, projections);
    Parameter normalization =
        isValue
            ? null
            : parameters.declareWithoutDecay(NORMALIZATION, Shape.of(2), Initializer.constant(0));
    if (backbone.adapters().isPresent()) {
      Lora.freezeBase(parameters);
    } else if (normalization != null) {
      parameters.freeze(NORMALIZATION::equals);
    }
    ScalarHead head = new ScalarHead(parameters, name, config.width(), isValue, initial);
    parameters.build();
    return new ScoredModel(backbone, head, normalization);
  }

  /** The transformer, with all parameters. */
  public LanguageModel backbone() {
    return backbone;
  }

  /** All parameters. */
  public ParameterSet parameters() {
    return backbone.parameters();
  }

  /**
   * A number for each token.
   *
   * @param ids [B, T]
   * @return [B, T]
   */
  public Tensor values(ForwardPass pass, Tensor ids, RowLayout layout) {
    return values(pass, backbone.hidden(pass, ids, layout));
  }

  /**
   * A number for each token.
   *
   * @param hidden [B, T, C], from {@link LanguageModel#hidden} of the {@link #backbone}
   * @return [B, T]
   */
  public Tensor values(ForwardPass pass, Tensor hidden) {
    return head.apply(pass, hidden);
  }

  /**
   * The raw numbers of some tokens.
   *
   * @param ids [B, T]
   * @param places indices into {@code ids}, row-major
   * @return [places]
   */
  public Tensor scores(ForwardPass pass, Tensor ids, RowLayout layout, int... places) {
    Tensor hidden = backbone.hidden(pass, ids, layout);
    Tensor table = hidden.reshape(layout.batch() * layout.tokens(), backbone.config().width());
    Tensor rows = pass.tape().constant(places, Shape.of(places.length)).embedding(table);
    return head.apply(pass, rows);
  }

  /**
   * The scores of documents, at the last token of each; their bits do not depend on the other
   * documents.
   *
   * @param rows documents of a forward pass
   */
  public double[] score(ArrayPool pool, List<int[]> documents, int rows) {
    double[] normal = normalization();
    double[] scores = rawScores(pool, documents, rows);
    for (int i = 0; i < scores.length; i++) {
      scores[i] = (scores[i] - normal[0]) / normal[1];
    }
    return scores;
  }

  /** As {@link #score}, without normalization. */
  public double[] rawScores(ArrayPool pool, List<int[]> documents, int rows) {
    double[] scores = new double[documents.size()];
    for (int first = 0; first < scores.length; first += rows) {
      List<int[]> part = documents.subList(first, Math.min(scores.length, first + rows));
      double[] raw = rawScores(pool, part);
      System.arraycopy(raw, 0, scores, first, raw.length);
    }
    return scores;
  }

  private double[] rawScores(ArrayPool pool, List<int[]> documents) {
    int[] lengths = documents.stream().mapToInt(document -> document.length).toArray();
    int longest = Arrays.stream(lengths).max().orElseThrow();
    int[] ids = new int[documents.size() * longest];
    int[] places = new int[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      System.arraycopy(documents.get(i), 0, ids, i * longest, lengths[i]);
      places[i] = i * longest + lengths[i] - 1;
    }
    double[] raw = new double[lengths.length];
    try (Tape tape = Tape.inference(parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, parameters());
      Tensor tokens = tape.constant(ids, Shape.of(lengths.length, longest));
      Tensor scores = scores(pass, tokens, RowLayout.rightPadded(longest, lengths), places);
      parameters().backend().download(scores.array(), raw, 0);
    }
    return raw;
  }

  /** Mean and standard deviation of raw scores, by which {@link #score} normalizes. */
  public double[] normalization() {
    if (normalization == null) {
      return new double[] {0, 1};
    }
    double[] values = new double[2];
    parameters().backend().download(view(), values, 0);
    return new double[] {values[0], 1 + values[1]};
  }

  /**
   * Sets the mean and the standard deviation of raw scores.
   *
   * @throws IllegalArgumentException if the standard deviation is not positive
   */
  public void normalize(double mean, double deviation) {
    if (!(deviation > 0)) {
      throw new IllegalArgumentException(
          "the standard deviation of scores must be positive, got " + deviation);
    }
    Backend backend = parameters().backend();
    backend.upload(new double[] {mean, deviation - 1}, 0, view());
  }

  private NdArray view() {
    return parameters().weights().view(normalization);
  }

  @Override
  public void close() {
    backbone.close();
  }
}

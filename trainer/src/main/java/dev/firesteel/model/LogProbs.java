package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Log-probabilities that a language model gives to tokens: {@code log softmax(logits /
 * temperature)[target]} at each position, by the forward pass of training without dropout. The one
 * place that computes them, for a policy before and during its updates and for a reference model
 * alike, because the ratio of a policy to itself must be exactly 1: in float32 both forms give the
 * same bits, in micro-batches of any size. In bfloat16 bits depend on the rows of a micro-batch:
 * use the same size for both.
 *
 * <p>Ids and targets are [B, T], row-major, and {@code targets[b, t]} is the token after {@code
 * ids[b, t]}; a negative one (prompt, padding) is ignored and has log-probability 0.
 */
public final class LogProbs {
  private final LanguageModel model;
  private final double temperature;
  private final boolean entropies;
  private final boolean adapted;

  private LogProbs(LanguageModel model, double temperature, boolean entropies, boolean adapted) {
    this.model = model;
    this.temperature = temperature;
    this.entropies = entropies;
    this.adapted = adapted;
  }

  /**
   * Log-probabilities of a model.
   *
   * @param temperature by which logits are divided: that of sampling, or 1
   * @throws UserException if the temperature is not positive and finite
   */
  public static LogProbs of(LanguageModel model, double temperature) {
    if (!(temperature > 0) || Double.isInfinite(temperature)) {
      throw UserException.usage(
          "The temperature of log-probabilities must be positive and finite, got "
              + temperature
              + ": use the temperature of sampling, or 1.");
    }
    return new LogProbs(model, temperature, false, true);
  }

  /** The same, with the entropy of each distribution. */
  public LogProbs withEntropies() {
    return new LogProbs(model, temperature, true, adapted);
  }

  /** Those of the model without its adapters, for {@link #compute} alone. */
  public LogProbs withoutAdapters() {
    return new LogProbs(model, temperature, entropies, false);
  }

  /**
   * Computes log-probabilities without a gradient.
   *
   * @param pool for activations
   * @param layout the documents in the rows
   * @param microBatch rows of a forward pass, at least 1
   */
  public TokenLogProbs compute(
      ArrayPool pool, int[] ids, int[] targets, RowLayout layout, int microBatch) {
    requireRows(ids, targets, layout);
    int rows = layout.batch();
    int tokens = layout.tokens();
    if (microBatch < 1) {
      throw new IllegalArgumentException(
          "logProbs: a micro-batch must have at least one row, got " + microBatch);
    }
    TokenLogProbs all =
        new TokenLogProbs(new double[ids.length], entropies ? new double[ids.length] : null);
    for (int row = 0; row < rows; row += microBatch) {
      int start = row * tokens;
      int end = Math.min(rows, row + microBatch) * tokens;
      try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
        ForwardPass pass =
            adapted
                ? ForwardPass.inference(tape, model.parameters())
                : ForwardPass.withoutAdapters(tape, model.parameters());
        RowLayout part = layout.rows(row, Math.min(rows, row + microBatch));
        Tensor hidden = hidden(pass, Arrays.copyOfRange(ids, start, end), part);
        Tensor losses = losses(pass, hidden, Arrays.copyOfRange(targets, start, end));
        download(losses, start, all);
      }
    }
    return all;
  }

  /**
   * Computes log-probabilities on a training tape, for a loss that the host computes of them.
   *
   * @param pass a training pass of the model's parameters
   * @param layout the documents in the rows
   * @throws UserException if the model has dropout
   */
  public Recorded record(ForwardPass pass, int[] ids, int[] targets, RowLayout layout) {
    double dropout = model.config().dropout();
    if (dropout != 0) {
      throw UserException.usage(
          "Training on log-probabilities requires model.dropout 0, because the first update must"
              + " find exactly the log-probabilities that were computed before it, got "
              + dropout
              + ": set model.dropout=0.");
    }
    if (!pass.tape().recording()) {
      throw new IllegalArgumentException(
          "logProbs: a training pass is required, got an inference pass; use compute");
    }
    requireRows(ids, targets, layout);
    boolean dropped = pass.droppedOut();
    Tensor hidden = hidden(pass, ids, layout);
    Tensor losses = losses(pass, hidden, targets);
    if (!dropped && pass.droppedOut()) {
      throw UserException.usage(
          "Training on log-probabilities requires adapters without dropout, because the first"
              + " update must find exactly the log-probabilities that were computed before it, got"
              + " a dropout above 0: set it to 0.");
    }
    TokenLogProbs values =
        new TokenLogProbs(new double[ids.length], entropies ? new double[ids.length] : null);
    download(losses, 0, values);
    return new Recorded(hidden, losses, values);
  }

  private static void requireRows(int[] ids, int[] targets, RowLayout layout) {
    int size = layout.batch() * layout.tokens();
    if (ids.length != size || targets.length != size) {
      throw new IllegalArgumentException(
          "logProbs: there must be "
              + size
              + " ids and targets for rows ["
              + layout.batch()
              + ", "
              + layout.tokens()
              + "], got "
              + ids.length
              + " and "
              + targets.length);
    }
  }

  private Tensor hidden(ForwardPass pass, int[] ids, RowLayout layout) {
    Shape shape = Shape.of(layout.batch(), layout.tokens());
    return model.hidden(pass, pass.tape().constant(ids, shape), layout);
  }

  /** [B, T], or [2, B, T] with entropies. */
  private Tensor losses(ForwardPass pass, Tensor hidden, int... targets) {
    Shape shape = Shape.of(hidden.shape().dim(0), hidden.shape().dim(1));
    Tensor wanted = pass.tape().constant(targets, shape);
    return entropies
        ? model.tokenLossesAndEntropies(pass, hidden, wanted, temperature)
        : model.tokenLosses(pass, hidden, wanted, temperature);
  }

  private static void download(Tensor losses, int at, TokenLogProbs to) {
    Backend backend = losses.tape().backend();
    double[] values = new double[Math.toIntExact(losses.shape().size())];
    backend.download(losses.array(), values, 0);
    int count = losses.shape().rank() == 3 ? values.length / 2 : values.length;
    for (int i = 0; i < count; i++) {
      // 0 - x, so that an ignored target has 0 and not -0.
      to.logProbs()[at + i] = 0 - values[i];
    }
    if (count < values.length) {
      System.arraycopy(values, count, to.entropies(), at, count);
    }
  }

  /** A tensor on a tape with the loss's gradient of it, element by element. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record Output(Tensor tensor, double[] gradient) {}

  /**
   * Log-probabilities on a training tape, whose backward pass begins with gradients of the host.
   */
  public static final class Recorded {
    private final Tensor hidden;
    private final Tensor losses;
    private final TokenLogProbs values;

    private Recorded(Tensor hidden, Tensor losses, TokenLogProbs values) {
      this.hidden = hidden;
      this.losses = losses;
      this.values = values;
    }

    /** The model's last hidden states, [B, T, C]. */
    public Tensor hidden() {
      return hidden;
    }

    /** The values, with the bits of {@link LogProbs#compute}. */
    public TokenLogProbs values() {
      return values;
    }

    /**
     * Negative log-probabilities [B, T], or [2, B, T] with the entropies behind them, to be joined
     * with other outputs (such as the values of a value head) before {@link Tape#backward(Tensor,
     * NdArray, Consumer)}.
     */
    public Tensor losses() {
      return losses;
    }

    /**
     * The backward pass of the tape.
     *
     * @param dLogProbs [B, T], the loss's gradient of the log-probabilities; ignored for ignored
     *     targets
     * @param dEntropies [B, T], the loss's gradient of the entropies; null if the loss has none
     * @param complete see {@link Tape#backward(Tensor, Consumer)}
     * @throws IllegalArgumentException when a size differs, or for a gradient of entropies that
     *     were not computed
     */
    public void backward(double[] dLogProbs, double[] dEntropies, Consumer<NdArray> complete) {
      backward(dLogProbs, dEntropies, List.of(), complete);
    }

    /**
     * The same with other outputs on the same tape, of which the loss is made, too.
     *
     * @param others such as the values of a head on {@link #hidden}, or a loss of other rows
     */
    public void backward(
        double[] dLogProbs, double[] dEntropies, List<Output> others, Consumer<NdArray> complete) {
      int count = values.logProbs().length;
      int size = Math.toIntExact(losses.shape().size());
      if (dLogProbs.length != count || (dEntropies != null && dEntropies.length != count)) {
        throw new IllegalArgumentException(
            "logProbs: gradients must have the size "
                + count
                + " of the log-probabilities, got "
                + dLogProbs.length
                + (dEntropies == null ? "" : " and " + dEntropies.length));
      }
      if (dEntropies != null && size == count) {
        throw new IllegalArgumentException(
            "logProbs: a gradient of entropies requires LogProbs.withEntropies(), got one without");
      }
      int all = size + others.stream().mapToInt(other -> other.gradient().length).sum();
      double[] gradient = new double[all];
      for (int i = 0; i < count; i++) {
        gradient[i] = -dLogProbs[i];
      }
      if (dEntropies != null) {
        System.arraycopy(dEntropies, 0, gradient, count, count);
      }
      Tensor outputs = losses;
      if (!others.isEmpty()) {
        Tensor[] parts = new Tensor[others.size()];
        int at = size;
        for (int i = 0; i < parts.length; i++) {
          double[] one = others.get(i).gradient();
          parts[i] = others.get(i).tensor().reshape(one.length);
          System.arraycopy(one, 0, gradient, at, one.length);
          at += one.length;
        }
        outputs = losses.reshape(size).concat(0, parts);
      }
      Tape tape = losses.tape();
      DType type = losses.array().dtype();
      tape.backward(outputs, tape.constant(gradient, type, outputs.shape()).array(), complete);
    }
  }
}

package dev.firesteel.config;

import dev.firesteel.error.UserException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Section {@code optimizer}: how weights are updated. {@code docs/optimizers.md} has the formulas.
 *
 * <p>A key that the chosen optimizer does not use must not be given, and is null.
 */
public record OptimizerConfig(
    @Setting(
            byDefault = "adamw",
            meaning =
                "`adamw`; `lion`; `sgd`; `adafactor`; `muon` for the matrices of hidden layers, with"
                    + " AdamW for embeddings, heads and vectors. See [optimizers.md](optimizers.md).")
        Kind kind,
    @Setting(byDefault = "1e-3", meaning = "Peak learning rate of the schedule.")
        double learningRate,
    @Setting(
            meaning =
                "Decay rate of the first moment (`adamw`, `muon`), weight of the momentum in an"
                    + " update (`lion`). Default: 0.9.")
        Double beta1,
    @Setting(
            meaning =
                "Decay rate of the second moment (`adamw`, `muon`), of the momentum (`lion`)."
                    + " Default: 0.95, 0.99 for `lion`.")
        Double beta2,
    @Setting(
            meaning =
                "Added to the square root of the second moment (`adamw`, `muon`; default 1e-8), to"
                    + " squared gradients (`adafactor`; default 1e-30).")
        Double epsilon,
    @Setting(
            meaning =
                "Whether epsilon is added to the uncorrected sqrt(v), as in TensorFlow and in OpenAI's"
                    + " first RLHF code: first updates are smaller (`adamw`, `muon`). Default: false,"
                    + " as in PyTorch.")
        Boolean epsilonHat,
    @Setting(
            byDefault = "0.1",
            meaning = "Decoupled weight decay, applied to parameters of rank 2 or higher.")
        double weightDecay,
    @Setting(
            meaning =
                "Parameters with their own learning rate or weight decay: a pattern of names, in"
                    + " which `*` stands for any characters, with `learning_rate_factor` or"
                    + " `weight_decay` or both, as in `[\"embedding.* learning_rate_factor=0.1"
                    + " weight_decay=0\"]`. The first pattern that matches a name applies.")
        List<String> groups,
    @Setting(
            meaning =
                "Decay rate of the momentum (`muon`: default 0.95, `sgd`: default 0.9, 0 for none).")
        Double momentum,
    @Setting(
            meaning =
                "Nesterov's form of momentum (`muon`, `sgd`). Default: true for `muon`, false for"
                    + " `sgd`.")
        Boolean nesterov,
    @Setting(meaning = "Newton-Schulz iterations of an update (`muon`). Default: 5.")
        Integer newtonSchulzSteps,
    @Setting(
            meaning =
                "Factor on the orthogonal update of a matrix [rows, columns] (`muon`): `shape`:"
                    + " sqrt(max(1, rows / columns)); `adamw_rms`: 0.2 sqrt(max(rows, columns)), for"
                    + " which AdamW's learning rate suits. Default: `shape`.")
        UpdateScale updateScale,
    @Setting(
            meaning =
                "Learning rate of the matrices that Muon updates as a multiple of learning_rate"
                    + " (`muon`). Default: 20 for the update scale `shape`, 1 for `adamw_rms`.")
        Double matrixLearningRateFactor,
    @Setting(
            meaning =
                "Maximum root mean square of a parameter's update before the learning rate"
                    + " (`adafactor`). Default: 1.")
        Double clipThreshold,
    @Setting(
            meaning =
                "The second moment's decay rate in update t is 1 - t^-decay_exponent (`adafactor`)."
                    + " Default: 0.8.")
        Double decayExponent,
    @Setting(
            meaning =
                "Whether the learning rate is multiplied by the root mean square of the parameter,"
                    + " or 1e-3 if that is larger (`adafactor`). Default: false.")
        Boolean relativeStep) {

  /** The optimizers. */
  public enum Kind {
    ADAMW("AdamW moments"),
    LION("Lion momentum"),
    SGD("SGD momentum"),
    ADAFACTOR("Adafactor second moments"),
    MUON("Muon momentum, AdamW moments");

    private final String state;

    Kind(String state) {
      this.state = state;
    }

    /** What the optimizer remembers of earlier gradients, in words. */
    public String state() {
      return state;
    }
  }

  /** The size of an orthogonal update. */
  public enum UpdateScale {
    /** {@code sqrt(max(1, rows / columns))} (Jordan et al. 2024). */
    SHAPE,
    /** {@code 0.2 sqrt(max(rows, columns))} (Liu et al. 2025, section 2.2). */
    ADAMW_RMS
  }

  /** About the ratio of Jordan's rates: 0.02 for Muon, 1e-3 and less for AdamW beside it. */
  private static final double SHAPE_RATE_FACTOR = 20;

  public OptimizerConfig {
    groups = List.copyOf(groups);
    beta1 = used(kind, "beta1", beta1, Map.of(Kind.ADAMW, 0.9, Kind.MUON, 0.9, Kind.LION, 0.9));
    beta2 = used(kind, "beta2", beta2, Map.of(Kind.ADAMW, 0.95, Kind.MUON, 0.95, Kind.LION, 0.99));
    epsilon =
        used(
            kind,
            "epsilon",
            epsilon,
            Map.of(Kind.ADAMW, 1e-8, Kind.MUON, 1e-8, Kind.ADAFACTOR, 1e-30));
    epsilonHat = used(kind, "epsilon_hat", epsilonHat, Map.of(Kind.ADAMW, false, Kind.MUON, false));
    momentum = used(kind, "momentum", momentum, Map.of(Kind.MUON, 0.95, Kind.SGD, 0.9));
    nesterov = used(kind, "nesterov", nesterov, Map.of(Kind.MUON, true, Kind.SGD, false));
    newtonSchulzSteps = used(kind, "newton_schulz_steps", newtonSchulzSteps, Map.of(Kind.MUON, 5));
    updateScale = used(kind, "update_scale", updateScale, Map.of(Kind.MUON, UpdateScale.SHAPE));
    matrixLearningRateFactor =
        used(
            kind,
            "matrix_learning_rate_factor",
            matrixLearningRateFactor,
            Map.of(Kind.MUON, updateScale == UpdateScale.SHAPE ? SHAPE_RATE_FACTOR : 1));
    clipThreshold = used(kind, "clip_threshold", clipThreshold, Map.of(Kind.ADAFACTOR, 1.0));
    decayExponent = used(kind, "decay_exponent", decayExponent, Map.of(Kind.ADAFACTOR, 0.8));
    relativeStep = used(kind, "relative_step", relativeStep, Map.of(Kind.ADAFACTOR, false));

    Require.positive("optimizer.learning_rate", learningRate);
    Require.notNegative("optimizer.weight_decay", weightDecay);
    if (beta1 != null) {
      Require.fraction("optimizer.beta1", beta1);
      Require.fraction("optimizer.beta2", beta2);
    }
    if (epsilon != null) {
      Require.positive("optimizer.epsilon", epsilon);
    }
    if (momentum != null) {
      Require.fraction("optimizer.momentum", momentum);
      Require.that(
          momentum > 0 || !nesterov,
          "optimizer.nesterov must be false without momentum (optimizer.momentum 0), got true");
    }
    if (kind == Kind.MUON) {
      Require.atLeast("optimizer.newton_schulz_steps", newtonSchulzSteps, 1);
      Require.positive("optimizer.matrix_learning_rate_factor", matrixLearningRateFactor);
    }
    if (kind == Kind.ADAFACTOR) {
      Require.positive("optimizer.clip_threshold", clipThreshold);
      Require.positive("optimizer.decay_exponent", decayExponent);
    }
    parse(groups);
  }

  /** AdamW without parameter groups. */
  public OptimizerConfig(
      double learningRate, double beta1, double beta2, double epsilon, double weightDecay) {
    this(
        Kind.ADAMW,
        learningRate,
        beta1,
        beta2,
        epsilon,
        false,
        weightDecay,
        List.of(),
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null);
  }

  /** The same optimizer with another peak learning rate. */
  public OptimizerConfig withLearningRate(double rate) {
    return new OptimizerConfig(
        kind,
        rate,
        beta1,
        beta2,
        epsilon,
        epsilonHat,
        weightDecay,
        groups,
        momentum,
        nesterov,
        newtonSchulzSteps,
        updateScale,
        matrixLearningRateFactor,
        clipThreshold,
        decayExponent,
        relativeStep);
  }

  /** The parsed {@code groups}, in their order. */
  public List<ParameterGroup> parameterGroups() {
    return parse(groups);
  }

  private static List<ParameterGroup> parse(List<String> groups) {
    ParameterGroup[] parsed = new ParameterGroup[groups.size()];
    for (int i = 0; i < parsed.length; i++) {
      parsed[i] = ParameterGroup.parse("optimizer.groups[" + i + "]", groups.get(i));
    }
    return List.of(parsed);
  }

  /** The value of a key, or its default; null if the optimizer has no such key. */
  private static <T> T used(Kind kind, String key, T given, Map<Kind, T> defaults) {
    Map<Kind, T> kinds = new EnumMap<>(defaults);
    if (kinds.containsKey(kind)) {
      return given == null ? kinds.get(kind) : given;
    }
    if (given != null) {
      throw UserException.usage(
          "optimizer.%s must be left out for the optimizer %s, which does not use it, got %s: it is a key of %s"
              .formatted(
                  key,
                  ConfigLoader.yamlName(kind),
                  given,
                  String.join(", ", kinds.keySet().stream().map(ConfigLoader::yamlName).toList())));
    }
    return null;
  }
}

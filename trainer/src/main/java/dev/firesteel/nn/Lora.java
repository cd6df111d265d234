package dev.firesteel.nn;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.error.UserException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Low-rank adaptation (LoRA; Hu et al. 2021, section 4.1): projections whose names match a target
 * get an adapter beside their weights,
 *
 * <pre>
 * y = f(x w^T + b + (alpha / r) dropout(x) A^T B^T)        A [r, in], B [out, r]
 * </pre>
 *
 * <p>with parameters {@code <name>.lora_a.weight} and {@code <name>.lora_b.weight}; all others are
 * dense. The base is not frozen here, because a stage may train more beside the adapters, such as a
 * head; {@link #freezeBase} does it.
 *
 * <p>B starts at 0, so that the model starts as its base. A starts at N(0, 1 / (3 in)): normal as
 * in the paper, with the variance of PEFT's uniform values, so that learning rates that are
 * published for PEFT carry over. The adapter of a packed matrix, such as {@code attention.qkv} or
 * {@code feed_forward.gate_up}, has one A for all of its parts, where PEFT adapts queries, keys and
 * values separately: with the same rank it has fewer parameters, and queries, keys and values share
 * the r directions of the input that they read. PEFT's adapters of q, k and v of rank r are one of
 * rank 3r here, its A their rows and its B block diagonal; the reverse, one A for each and its rows
 * of B, is exact, too.
 *
 * @param rank r
 * @param alpha scale of the adapter, divided by r
 * @param dropout probability of dropout on the adapter's input in training
 * @param targets names of projections, such as {@code *.attention.qkv} or {@code *.feed_forward.*}
 */
public record Lora(int rank, double alpha, double dropout, List<NamePattern> targets)
    implements Projections {
  private static final String A = ".lora_a.weight";
  private static final String B = ".lora_b.weight";
  private static final String WEIGHT = ".weight";

  /** Weights that are merged at a time. */
  private static final int CHUNK = 1 << 20;

  /**
   * Checks the settings.
   *
   * @throws UserException if one is out of range
   */
  public Lora {
    targets = List.copyOf(targets);
    if (rank < 1) {
      throw UserException.usage("LoRA's rank must be at least 1, got %d".formatted(rank));
    }
    if (!(alpha > 0) || Double.isInfinite(alpha)) {
      throw UserException.usage("LoRA's alpha must be positive, got %s".formatted(alpha));
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw UserException.usage(
          "LoRA's dropout must be at least 0 and less than 1, got %s".formatted(dropout));
    }
    if (targets.isEmpty()) {
      throw UserException.usage(
          "LoRA must have a target, got none: name projections such as *.attention.qkv");
    }
  }

  /** Whether a parameter is part of an adapter. */
  public static boolean isAdapter(String parameter) {
    return parameter.endsWith(A) || parameter.endsWith(B);
  }

  /** Freezes all parameters declared so far but the adapters. */
  public static void freezeBase(ParameterSet.Builder declared) {
    declared.freeze(name -> !isAdapter(name));
  }

  @Override
  public Projection declare(
      ParameterSet.Builder parameters,
      String name,
      int in,
      int out,
      boolean withBias,
      Activation activation,
      Initializer initializer) {
    Linear base = new Linear(parameters, name, in, out, withBias, activation, initializer);
    if (targets.stream().noneMatch(target -> target.test(name))) {
      return base;
    }
    return new LoraLinear(
        base,
        parameters.declare(
            name + A, Shape.of(rank, in), Initializer.normal(1 / Math.sqrt(3.0 * in))),
        parameters.declare(name + B, Shape.of(out, rank), Initializer.constant(0)),
        scale(),
        dropout);
  }

  @Override
  public void requireUsed(ParameterSet.Builder declared) {
    for (NamePattern target : targets) {
      if (declared.names().stream()
          .noneMatch(name -> name.endsWith(A) && target.test(without(A, name)))) {
        throw UserException.usage(
            "each target of LoRA must match a projection of the model, got %s; there are %s"
                .formatted(target, projections(declared)));
      }
    }
  }

  /** Those of the first block: the others have the same. */
  private static String projections(ParameterSet.Builder declared) {
    return declared.names().stream()
        .filter(name -> name.startsWith("blocks.0.") && name.endsWith(WEIGHT))
        .filter(name -> !isAdapter(name))
        .map(name -> without(WEIGHT, name))
        .collect(Collectors.joining(", "));
  }

  private double scale() {
    return alpha / rank;
  }

  private static String without(String ending, String name) {
    return name.substring(0, name.length() - ending.length());
  }

  /**
   * Merges adapters into weights: those of {@code merged} become those of the parameters of the
   * same names, plus {@code (alpha / r) B A} where there is an adapter. A model with these weights
   * computes the same, to rounding, without adapters. Adapters themselves, and parameters that only
   * one of the two has, such as heads, are left out.
   *
   * @param adapted parameters declared with these settings
   * @param merged allocated parameters of the same model without these adapters
   * @throws IllegalArgumentException if a parameter has another shape, or an adapter another rank
   */
  public void merge(ParameterSet adapted, ParameterSet merged) {
    for (Parameter target : merged.parameters()) {
      if (isAdapter(target.name()) || !adapted.contains(target.name())) {
        continue;
      }
      Parameter base = adapted.parameter(target.name());
      if (!base.shape().equals(target.shape())) {
        throw new IllegalArgumentException(
            "merge: %s must have the shape of %s".formatted(target, base));
      }
      String projection =
          target.name().endsWith(WEIGHT) ? without(WEIGHT, target.name()) : target.name();
      if (adapted.contains(projection + A)) {
        addProduct(adapted, projection, base, merged, target);
      } else {
        inChunks(base, (begin, end, values) -> {}, adapted, merged, target);
      }
    }
  }

  private void addProduct(
      ParameterSet adapted,
      String projection,
      Parameter base,
      ParameterSet merged,
      Parameter target) {
    Parameter a = adapted.parameter(projection + A);
    if (a.shape().dim(0) != rank) {
      throw new IllegalArgumentException(
          "merge: the adapters must have the rank %d, got %s".formatted(rank, a));
    }
    double[] down = values(adapted, a); // [r, in]
    double[] up = values(adapted, adapted.parameter(projection + B)); // [out, r]
    int in = base.shape().last();
    inChunks(
        base,
        (begin, end, values) ->
            IntStream.range(begin, end)
                .parallel()
                .forEach(
                    row -> {
                      int at = (row - begin) * in;
                      for (int i = 0; i < rank; i++) {
                        double factor = scale() * up[row * rank + i];
                        for (int column = 0; column < in; column++) {
                          values[at + column] += factor * down[i * in + column];
                        }
                      }
                    }),
        adapted,
        merged,
        target);
  }

  /** Adds to rows {@code [begin, end)} of a matrix, whose elements are {@code values}. */
  @FunctionalInterface
  private interface Addition {
    void to(int begin, int end, double[] values);
  }

  private static void inChunks(
      Parameter base,
      Addition addition,
      ParameterSet adapted,
      ParameterSet merged,
      Parameter target) {
    int columns = base.shape().last();
    int rows = base.shape().rows();
    Shape matrix = Shape.of(rows, columns);
    NdArray from = adapted.weights().view(base).reshape(matrix);
    NdArray to = merged.weights().view(target).reshape(matrix);
    int chunk = Math.min(rows, Math.max(1, CHUNK / columns));
    double[] values = new double[Math.multiplyExact(chunk, columns)];
    for (int begin = 0; begin < rows; begin += chunk) {
      int end = Math.min(rows, begin + chunk);
      adapted.backend().download(from.slice(begin, end), values, 0);
      addition.to(begin, end, values);
      merged.backend().upload(values, 0, to.slice(begin, end));
    }
  }

  private static double[] values(ParameterSet parameters, Parameter parameter) {
    double[] values = new double[Math.toIntExact(parameter.size())];
    parameters.backend().download(parameters.weights().view(parameter), values, 0);
    return values;
  }
}

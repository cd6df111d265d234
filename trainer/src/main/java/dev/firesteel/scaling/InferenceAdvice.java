package dev.firesteel.scaling;

import dev.firesteel.scaling.ParametricLaw.Allocation;

/**
 * The model that costs least over its life (Sardana et al. 2024, arXiv:2401.00448): of those that
 * reach the loss of the compute-optimal model of a budget, the one with the fewest FLOPs of
 * training and inference together, {@code 6 N D + 2 N T} for T tokens of inference. It is smaller,
 * and trained for longer, than the compute-optimal one: LLaMA's argument (Touvron et al. 2023,
 * section 1).
 *
 * @param inferenceTokens T
 * @param optimal the compute-optimal allocation of the budget
 * @param advised the one that costs least
 * @param optimalFlops of training and inference of the optimal one
 * @param advisedFlops of training and inference of the advised one
 */
public record InferenceAdvice(
    double inferenceTokens,
    Allocation optimal,
    Allocation advised,
    double optimalFlops,
    double advisedFlops) {
  /** FLOPs that a token of inference costs each parameter: a forward pass. */
  private static final double INFERENCE = 2;

  private static final double TRAINING = ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN;
  private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;
  private static final int ITERATIONS = 200;

  /**
   * The advice.
   *
   * @param flops the budget of training whose loss is wanted
   * @param inferenceTokens T, at least 0
   */
  public static InferenceAdvice of(ParametricLaw law, double flops, double inferenceTokens) {
    Allocation optimal = law.optimum(flops);
    double loss = optimal.loss();
    // At log N = least the loss is out of reach; the cost falls from there to its minimum, and
    // rises.
    double least = Math.log(Math.pow(law.a() / (loss - law.irreducible()), 1 / law.alpha()));
    double low = least;
    double high = Math.log(optimal.parameters());
    for (int i = 0; i < ITERATIONS; i++) {
      double first = high - GOLDEN * (high - low);
      double second = low + GOLDEN * (high - low);
      if (cost(law, loss, first, inferenceTokens) <= cost(law, loss, second, inferenceTokens)) {
        high = second;
      } else {
        low = first;
      }
    }
    double parameters = Math.exp((low + high) / 2);
    Allocation advised = new Allocation(parameters, law.tokensFor(parameters, loss), loss);
    return new InferenceAdvice(
        inferenceTokens,
        optimal,
        advised,
        cost(law, loss, Math.log(optimal.parameters()), inferenceTokens),
        cost(law, loss, Math.log(parameters), inferenceTokens));
  }

  private static double cost(
      ParametricLaw law, double loss, double logParameters, double inferenceTokens) {
    double parameters = Math.exp(logParameters);
    return parameters * (TRAINING * law.tokensFor(parameters, loss) + INFERENCE * inferenceTokens);
  }
}

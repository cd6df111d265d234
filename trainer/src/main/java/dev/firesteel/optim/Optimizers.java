package dev.firesteel.optim;

import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;

/** Creates optimizers from their configuration. */
public final class Optimizers {
  private Optimizers() {}

  /** One rank's part of an optimizer of allocated parameters. */
  public static Optimizer of(
      OptimizerConfig config, ParameterSet parameters, GradientExchange exchange) {
    return switch (config.kind()) {
      case ADAMW -> new AdamW(parameters, config, exchange.owned());
      case LION -> new Lion(parameters, config, exchange.owned());
      case SGD -> new Sgd(parameters, config, exchange.owned());
      case ADAFACTOR -> new Adafactor(parameters, config, exchange);
      case MUON -> new Muon(parameters, config, exchange);
    };
  }

  /** Floating-point operations of the matmuls in one update, on all ranks together. */
  public static double flops(OptimizerConfig config, ParameterSet parameters) {
    if (config.kind() != OptimizerConfig.Kind.MUON) {
      return 0;
    }
    double flops = 0;
    for (Parameter parameter : parameters.trained()) {
      if (parameter.hidden()) {
        for (int rows : parameter.stackedRows()) {
          int columns = parameter.shape().last();
          flops += config.newtonSchulzSteps() * NewtonSchulz.flopsPerStep(rows, columns);
        }
      }
    }
    return flops;
  }

  /** The optimizer of a single rank. */
  public static Optimizer of(OptimizerConfig config, ParameterSet parameters) {
    return of(config, parameters, new GradientExchange(parameters, new SingleProcess()));
  }
}

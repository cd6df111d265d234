package dev.firesteel.checkpoint.state;

import dev.firesteel.nn.ParameterSet;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.StateArray;
import java.util.List;

/**
 * One rank's part of an optimizer's state: the optimizer's own arrays or copies.
 *
 * @param parameters parameters that it belongs to
 */
record OptimizerState(ParameterSet parameters, List<StateArray> arrays) {
  OptimizerState {
    arrays = List.copyOf(arrays);
  }

  static OptimizerState of(Optimizer optimizer) {
    return new OptimizerState(optimizer.parameters(), optimizer.state());
  }
}

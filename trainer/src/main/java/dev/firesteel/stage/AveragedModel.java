package dev.firesteel.stage;

import dev.firesteel.backend.Backend;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;

/**
 * The exponential moving average of a model's weights (EMA; as of the actor in DeepSpeed-Chat, with
 * decay 0.992): {@code average = decay average + (1 - decay) weights} after each step, from the
 * weights that the run begins with. The sums are in double and rounded once; every rank computes
 * the same.
 */
final class AveragedModel implements AutoCloseable {
  private final LanguageModel source;
  private final LanguageModel average;
  private final double decay;

  /**
   * @param average a model with the same parameters as {@code source}; owned by this
   */
  AveragedModel(LanguageModel source, LanguageModel average, double decay) {
    this.source = source;
    this.average = average;
    this.decay = decay;
  }

  /** The model whose weights are the average. */
  LanguageModel model() {
    return average;
  }

  /** Begins with the model's weights. */
  void start() {
    blend(0);
  }

  /** Takes in the model's weights after a step. */
  void update() {
    blend(decay);
  }

  private void blend(double old) {
    ParameterSet from = source.parameters();
    ParameterSet to = average.parameters();
    Backend backend = from.backend();
    for (Parameter parameter : to.parameters()) {
      float[] now = new float[Math.toIntExact(parameter.size())];
      float[] mean = new float[now.length];
      backend.download(from.weights().view(from.parameter(parameter.name())), now, 0);
      backend.download(to.weights().view(parameter), mean, 0);
      for (int i = 0; i < now.length; i++) {
        mean[i] = old == 0 ? now[i] : (float) (old * mean[i] + (1 - old) * now[i]);
      }
      backend.upload(mean, 0, to.weights().view(parameter));
    }
  }

  @Override
  public void close() {
    average.close();
  }
}

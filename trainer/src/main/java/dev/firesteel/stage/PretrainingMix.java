package dev.firesteel.stage;

import dev.firesteel.array.Shape;
import dev.firesteel.config.DataConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.TrainingConfig;
import dev.firesteel.data.Batch;
import dev.firesteel.data.SampleOrder;
import dev.firesteel.data.TrainingBatches;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingData;
import org.apache.hadoop.fs.Path;

/**
 * The language-model loss that PPO-ptx adds to the policy's (Ouyang et al. 2022, equation 2), so
 * that the policy does not lose what it learned in pretraining: {@code gamma} times the mean
 * cross-entropy, in nats, of the tokens of as many sequences of a pretraining text as the minibatch
 * has completions. There it is the gradient of a sum with {@code gamma = 27.8}; here of means.
 */
final class PretrainingMix {
  private final TrainingConfig training;
  private final double coefficient;
  private final int updates;
  private final String sha256;
  private final TrainingBatches batches;
  private final Batch batch;

  /**
   * Opens the text.
   *
   * @throws UserException if it is not prepared, or with another tokenizer
   */
  PretrainingMix(PpoConfig config, Tokenizer tokenizer, TrainingContext context) {
    training = config.training();
    coefficient = config.ppo().pretrainingCoefficient();
    updates = config.updates();
    String folder = config.ppo().pretrainingData();
    TrainingData data = TrainingData.open(new Path(folder), context.run().configuration());
    if (!data.tokenizer().sha256().equals(tokenizer.sha256())) {
      throw UserException.usage(
          "ppo.pretraining_data must be prepared with the policy's tokenizer, got another one in %s: prepare the text with that of model.from"
              .formatted(folder));
    }
    sha256 = data.sha256();
    batches =
        new TrainingBatches(
            data.train(),
            SampleOrder.of(
                DataConfig.Sampling.SHUFFLED_WINDOWS,
                config.seed(),
                data.train().tokens(),
                training.sequenceLength()));
    batch = new Batch(training.microBatchSize(), training.sequenceLength());
  }

  /** Identifies the text. */
  String sha256() {
    return sha256;
  }

  /** gamma. */
  double coefficient() {
    return coefficient;
  }

  /**
   * A micro-batch's share of the mean cross-entropy of a minibatch's sequences, without gamma: a
   * scalar on the pass's tape.
   *
   * @param update number of the update in the step
   */
  Tensor loss(ForwardPass pass, LanguageModel policy, long step, int update, int microBatch) {
    long minibatch = step * updates + update;
    batches.read(
        minibatch * training.globalBatchSize() + (long) microBatch * batch.sequences(), batch);
    Shape shape = Shape.of(batch.sequences(), batch.length());
    return policy.loss(
        pass,
        pass.tape().constant(batch.inputs(), shape),
        pass.tape().constant(batch.targets(), shape),
        1.0 / ((double) training.globalBatchSize() * batch.length()));
  }
}

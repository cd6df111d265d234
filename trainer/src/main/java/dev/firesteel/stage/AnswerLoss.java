package dev.firesteel.stage;

import dev.firesteel.config.PreferenceConfig;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.loss.HostLoss;
import dev.firesteel.loss.KtoLoss;
import dev.firesteel.loss.LossMeasures;
import dev.firesteel.loss.LossMetrics;
import dev.firesteel.loss.PreferenceLoss;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.metrics.Metric;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;

/**
 * A loss on log-probabilities of whole answers, by the configuration: on pairs (DPO, IPO, hinge) or
 * on single answers with labels (KTO).
 *
 * <p>The documents of all examples are numbered for the reference's log-probabilities: those of an
 * example follow one another, and for KTO each is followed by its mismatched document.
 */
final class AnswerLoss {
  private final PreferenceConfig config;
  private final boolean pairs;

  private AnswerLoss(PreferenceConfig config) {
    this.config = config;
    pairs = config.loss() != PreferenceConfig.Loss.KTO;
  }

  static AnswerLoss of(PreferenceConfig config) {
    return new AnswerLoss(config);
  }

  /** What the loss reports. */
  static List<Metric> metrics(PreferenceConfig config) {
    List<Metric> metrics =
        new ArrayList<>(
            List.of(
                LossMetrics.REWARDS_CHOSEN,
                LossMetrics.REWARDS_REJECTED,
                LossMetrics.REWARDS_MARGINS));
    if (config.loss() != PreferenceConfig.Loss.KTO) {
      metrics.add(LossMetrics.REWARDS_ACCURACIES);
    }
    metrics.add(LossMetrics.LOGPS_CHOSEN);
    metrics.add(LossMetrics.LOGPS_REJECTED);
    return metrics;
  }

  /** Documents of an example. */
  int documents() {
    return pairs ? 2 : 1;
  }

  /** Whether the loss needs {@link #mismatched} documents. */
  boolean hasReferencePoint() {
    return !pairs;
  }

  /**
   * Some examples.
   *
   * @param documents for pairs all chosen ones, then all rejected ones
   * @param places of the documents among all that the reference saw
   * @param good labels; empty for pairs
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Batch(List<TrainedTokens> documents, int[] places, boolean[] good) {
    long chosenTokens() {
      int chosen = good.length == 0 ? documents.size() / 2 : documents.size();
      return documents.subList(0, chosen).stream().mapToLong(TrainedTokens::trainedCount).sum();
    }

    int goodCount() {
      int count = 0;
      for (boolean one : good) {
        count += one ? 1 : 0;
      }
      return count;
    }
  }

  /**
   * A batch of examples.
   *
   * @param indices of the examples in their dataset
   * @param offset of the dataset's documents among all that the reference saw
   */
  Batch batch(List<Example> examples, int[] indices, int offset) {
    int count = examples.size();
    TrainedTokens[] documents = new TrainedTokens[documents() * count];
    int[] places = new int[documents.length];
    boolean[] good = new boolean[pairs ? 0 : count];
    for (int i = 0; i < count; i++) {
      documents[i] = examples.get(i).documents().get(0);
      places[i] = offset + 2 * indices[i];
      if (pairs) {
        documents[count + i] = examples.get(i).documents().get(1);
        places[count + i] = places[i] + 1;
      } else {
        good[i] = examples.get(i).fields().path("label").asBoolean();
      }
    }
    return new Batch(Arrays.asList(documents), places, good);
  }

  /** All documents of a dataset that the reference must see, in their order. */
  List<TrainedTokens> allDocuments(List<Example> examples, int contextLength) {
    List<TrainedTokens> all = new ArrayList<>();
    for (int i = 0; i < examples.size(); i++) {
      if (pairs) {
        all.addAll(examples.get(i).documents());
      } else {
        all.add(examples.get(i).documents().get(0));
        all.add(mismatched(i, examples, contextLength));
      }
    }
    return all;
  }

  /** The number of all documents of a dataset of {@code examples}. */
  int allDocumentCount(int examples) {
    return 2 * examples;
  }

  /**
   * Each example's prompt with the answer of the next example in the dataset: an answer to another
   * prompt, from which KTO estimates how far the policy is from the reference.
   */
  List<TrainedTokens> mismatched(Batch batch, List<Example> examples, int contextLength) {
    return Arrays.stream(batch.places())
        .mapToObj(place -> mismatched(place / 2, examples, contextLength))
        .toList();
  }

  /** The place of a batch's mismatched document among all that the reference saw. */
  int mismatchedPlace(Batch batch, int index, int examples) {
    return batch.places()[index] + 1;
  }

  private static TrainedTokens mismatched(int index, List<Example> examples, int contextLength) {
    TrainedTokens prompt = examples.get(index).documents().get(0);
    TrainedTokens answer = examples.get((index + 1) % examples.size()).documents().get(0);
    int promptLength = Math.min(prompt.firstTrained(), contextLength - 1);
    int answerStart = answer.firstTrained();
    int answerLength = Math.min(answer.length() - answerStart, contextLength - promptLength);
    int[] tokens = new int[promptLength + answerLength];
    boolean[] trained = new boolean[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      int at = answerStart + i - promptLength;
      tokens[i] = i < promptLength ? prompt.token(i) : answer.token(at);
      trained[i] = i >= promptLength && answer.isTrained(at);
    }
    return new TrainedTokens(tokens, trained);
  }

  /** A part's loss, its gradient of the tokens' log-probabilities, and what it reports. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Result(double loss, double[] gradient, LossMeasures measures) {}

  /**
   * The loss of a part of a batch.
   *
   * @param whole the global batch, which gives the denominators
   * @param groups the part's documents
   * @param logProbs of the part's tokens
   * @param reference the reference's log-probability of a document, by its place
   * @param referencePoint KTO's
   */
  Result of(
      Batch part,
      Batch whole,
      TokenGroups groups,
      double[] logProbs,
      IntToDoubleFunction reference,
      double referencePoint) {
    boolean means = config.lengthNormalized();
    double[] answers = means ? groups.means(logProbs) : groups.sums(logProbs);
    double[] references = new double[answers.length];
    for (int i = 0; i < references.length; i++) {
      double sum = reference.applyAsDouble(part.places()[i]);
      references[i] = means ? sum / Math.max(1, groups.length(i)) : sum;
    }
    HostLoss host = pairs ? pairLoss(answers, references, whole) : null;
    if (host == null) {
      host =
          new KtoLoss(config.beta(), config.desirableWeight(), config.undesirableWeight())
              .of(
                  answers,
                  references,
                  part.good(),
                  referencePoint,
                  whole.documents().size(),
                  whole.goodCount());
    }
    double[] gradient =
        means ? groups.meansGradient(host.gradient()) : groups.sumsGradient(host.gradient());
    double loss = host.loss();
    if (config.sftCoefficient() > 0) {
      loss += addCrossEntropy(part, whole, groups, logProbs, gradient);
    }
    return new Result(loss, gradient, host.measures());
  }

  private HostLoss pairLoss(double[] answers, double[] references, Batch whole) {
    PreferenceLoss.Kind kind =
        switch (config.loss()) {
          case DPO -> PreferenceLoss.Kind.SIGMOID;
          case IPO -> PreferenceLoss.Kind.IPO;
          case HINGE -> PreferenceLoss.Kind.HINGE;
          case KTO -> throw new IllegalStateException("kto has no pairs");
        };
    return new PreferenceLoss(kind, config.beta(), config.labelSmoothing())
        .of(answers, references, whole.documents().size() / 2.0);
  }

  /** Adds the cross-entropy of chosen (or good) answers, per token of the global batch. */
  private double addCrossEntropy(
      Batch part, Batch whole, TokenGroups groups, double[] logProbs, double[] gradient) {
    double weight = config.sftCoefficient() / Math.max(1, whole.chosenTokens());
    double[] ofDocuments = new double[groups.count()];
    double loss = 0;
    double[] sums = groups.sums(logProbs);
    for (int i = 0; i < ofDocuments.length; i++) {
      boolean chosen = pairs ? i < ofDocuments.length / 2 : part.good()[i];
      ofDocuments[i] = chosen ? -weight : 0;
      loss += ofDocuments[i] * sums[i];
    }
    double[] more = groups.sumsGradient(ofDocuments);
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] += more[i];
    }
    return loss;
  }
}

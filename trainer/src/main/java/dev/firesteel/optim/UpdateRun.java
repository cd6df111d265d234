package dev.firesteel.optim;

import dev.firesteel.nn.SegmentRange;

/**
 * Consecutive weights that are updated alike.
 *
 * @param learningRateFactor factor on the learning rate
 * @param weightDecay decoupled weight decay
 */
record UpdateRun(SegmentRange range, double learningRateFactor, double weightDecay) {
  boolean isContinuedBy(UpdateRun next) {
    return range.end() == next.range.begin()
        && learningRateFactor == next.learningRateFactor
        && weightDecay == next.weightDecay;
  }

  UpdateRun until(long end) {
    return new UpdateRun(new SegmentRange(range.begin(), end), learningRateFactor, weightDecay);
  }
}

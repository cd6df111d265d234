package dev.firesteel.generate;

import dev.firesteel.random.RandomStream;
import java.util.Optional;

/** A completion in an engine: part of a request, which may be cancelled by another thread. */
final class EngineSequence extends CompletionSequence {
  private final EngineJob job;
  private final int index;
  private final Setting setting;

  EngineSequence(
      EngineJob job, int index, Setting setting, EngineRequest request, TokenSampler sampler) {
    super(
        setting,
        request.prompts().get(index),
        request.options(),
        request.adjustments(),
        request.topScores(),
        sampler,
        RandomStream.of(request.options().seed(), Generator.PURPOSE, index));
    this.job = job;
    this.index = index;
    this.setting = setting;
  }

  @Override
  public void accept(float[] logits, int start) {
    try {
      super.accept(logits, start);
    } catch (RuntimeException failure) {
      // Of this completion alone, such as logits that are not numbers: the others continue.
      job.fail(failure);
    }
  }

  @Override
  public boolean ended() {
    return super.ended() || job.ended();
  }

  @Override
  void onToken(int token, String added, TokenScores scores) {
    job.onToken(
        new EngineToken(
            index,
            token,
            setting.ends().contains(token),
            added,
            Optional.ofNullable(scores),
            Optional.ofNullable(reason())));
  }

  void fail(Throwable failure) {
    job.fail(failure);
  }
}

package dev.firesteel.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A request for completions: its sequences and who listens. */
final class EngineJob implements EngineTicket {
  private static final Logger LOG = LoggerFactory.getLogger(EngineJob.class);

  private final EngineListener listener;
  private final List<EngineSequence> sequences = new ArrayList<>();
  private final AtomicBoolean ended = new AtomicBoolean();
  private int unfinished;

  EngineJob(EngineRequest request, CompletionSequence.Setting setting, EngineListener listener) {
    this.listener = listener;
    TokenSampler sampler = new TokenSampler(request.options());
    for (int i = 0; i < request.prompts().size(); i++) {
      sequences.add(new EngineSequence(this, i, setting, request, sampler));
    }
    unfinished = sequences.size();
  }

  List<EngineSequence> sequences() {
    return List.copyOf(sequences);
  }

  void onToken(EngineToken token) {
    if (ended.get()) {
      return;
    }
    listener.onToken(token);
    if (token.reason().isPresent() && --unfinished == 0 && ended.compareAndSet(false, true)) {
      listener.onEnd();
    }
  }

  void fail(Throwable failure) {
    if (ended.compareAndSet(false, true)) {
      try {
        listener.onFailure(failure);
      } catch (RuntimeException second) {
        // Nobody is left to hear of it, and the engine's thread must not end.
        LOG.error("A listener failed while it was notified of a failure", second);
      }
    }
  }

  /** Whether nothing more is to be computed for it. */
  boolean ended() {
    return ended.get();
  }

  @Override
  public void cancel() {
    ended.set(true);
  }
}

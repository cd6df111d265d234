package dev.firesteel.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Work on several texts, done one pass at a time between those of decoding, so that it delays no
 * answer for long.
 */
final class EngineTask<T> {
  /** One pass. */
  interface Pass<T> {
    /** The results of some of the texts: the first ones of those left. */
    List<T> run(EngineModel model, List<int[]> left);
  }

  private final List<int[]> texts;
  private final Pass<T> pass;
  private final List<T> results = new ArrayList<>();
  private final CompletableFuture<List<T>> end = new CompletableFuture<>();

  EngineTask(List<int[]> texts, Pass<T> pass) {
    this.texts = List.copyOf(texts);
    this.pass = pass;
  }

  /** All results, or the failure; completing it from outside ends the work. */
  CompletableFuture<List<T>> end() {
    return end;
  }

  /** Does one pass; false if there is nothing left to do. */
  boolean advance(EngineModel model) {
    if (end.isDone()) {
      return false;
    }
    try {
      results.addAll(pass.run(model, texts.subList(results.size(), texts.size())));
    } catch (RuntimeException | Error failure) {
      fail(failure);
      return false;
    }
    if (results.size() < texts.size()) {
      return true;
    }
    end.complete(List.copyOf(results));
    return false;
  }

  void fail(Throwable failure) {
    end.completeExceptionally(failure);
  }
}

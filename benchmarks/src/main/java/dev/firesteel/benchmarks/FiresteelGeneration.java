package dev.firesteel.benchmarks;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;

/**
 * Generation in Firesteel. Main class of a child JVM: {@code TASK fp32|bf16 THREADS}, the task as
 * {@link GenerationTask#of} reads it.
 */
final class FiresteelGeneration extends Generation {
  private final Backend backend;
  private final ArrayPool pool;
  private final LanguageModel model;
  private final int vocabulary;
  private final float[] logits;
  private KeyValueCache cache;

  FiresteelGeneration(GenerationTask task, Backend backend) {
    super(task);
    this.backend = backend;
    pool = new ArrayPool(backend);
    model = Models.create(task.shape().model(), backend, TrainingShape.SEED);
    vocabulary = model.config().vocabularySize();
    logits = new float[task.batch() * vocabulary];
  }

  public static void main(String[] args) throws IOException {
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, precision, Integer.parseInt(args[2])));
    try (FiresteelGeneration work = new FiresteelGeneration(GenerationTask.of(args[0]), backend)) {
      WorkServer.serve(work);
    }
  }

  @Override
  void start() {
    if (cache != null) {
      cache.close();
    }
    cache = model.newCache(pool, task.batch(), task.capacity());
  }

  @Override
  void advance(int[][] ids, int from, int to) {
    int batch = task.batch();
    int tokens = to - from;
    int[] flat = new int[batch * tokens];
    int[] lastRows = new int[batch];
    for (int b = 0; b < batch; b++) {
      System.arraycopy(ids[b], from, flat, b * tokens, tokens);
      lastRows[b] = (b + 1) * tokens - 1;
    }
    try (Tape tape = Tape.inference(backend, pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor hidden = model.hidden(pass, tape.constant(flat, Shape.of(batch, tokens)), cache);
      Tensor table = hidden.reshape(batch * tokens, model.config().width());
      Tensor last = tape.constant(lastRows, Shape.of(batch)).embedding(table);
      backend.download(model.head(pass, last).array(), logits, 0);
    }
    int[] counts = new int[batch];
    Arrays.fill(counts, tokens);
    cache.append(counts);
  }

  @Override
  int[] best() {
    int[] best = new int[task.batch()];
    for (int b = 0; b < best.length; b++) {
      int start = b * vocabulary;
      for (int v = 1; v < vocabulary; v++) {
        if (logits[start + v] > logits[start + best[b]]) {
          best[b] = v;
        }
      }
    }
    return best;
  }

  @Override
  double loss(int... next) {
    double sum = 0;
    for (int b = 0; b < next.length; b++) {
      double exponentials = 0;
      for (int v = 0; v < vocabulary; v++) {
        exponentials += StrictMath.exp(logits[b * vocabulary + v]);
      }
      sum += StrictMath.log(exponentials) - logits[b * vocabulary + next[b]];
    }
    return sum / next.length;
  }

  @Override
  public String description() {
    return "Firesteel " + backend.description();
  }

  @Override
  public void close() {
    if (cache != null) {
      cache.close();
    }
    model.close();
    pool.close();
    backend.close();
  }
}

package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Completes the prompts of many callers at once, with continuous batching (Yu et al. 2022, "Orca",
 * section 3.1): each pass of a model gives one more token to all completions in its rows, new ones
 * begin in rows that have become free, and cancelled ones leave them.
 *
 * <p>One thread runs all models, one pass of each by turns: a backend serves one thread at a time,
 * and models that ran together would only share its cores. What a completion samples does not
 * depend on the others wherever a model's logits do not (in {@code fp32}); see {@link
 * ContinuousBatch}.
 *
 * <p>Callers wait in a queue of bounded length, first come, first served. Thread-safe.
 */
public final class GenerationEngine implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GenerationEngine.class);

  private final int maxBatch;
  private final int maxQueue;
  private final Map<String, Lane> lanes = new ConcurrentHashMap<>();
  private final Object lock = new Object();
  private final Thread thread;
  private boolean closing;

  /** A model and what waits for it; the queues are guarded by the engine's lock. */
  private static final class Lane {
    private final EngineModel model;
    private final Deque<EngineSequence> waiting = new ArrayDeque<>();
    private final Deque<EngineTask<?>> tasks = new ArrayDeque<>();

    /** Of the model, for other threads. */
    private volatile int active;

    Lane(EngineModel model) {
      this.model = model;
    }

    /** Completions without a row, were more of them to come; a free row is as good as taken. */
    int withoutRow(int rows, int more) {
      return Math.max(0, waiting.size() + more - (rows - active));
    }
  }

  /**
   * An engine without models.
   *
   * @param maxBatch completions of one model decoded together, at most; memory for their keys and
   *     values is allocated when the model is added
   * @param maxQueue completions that may wait, at most
   * @throws UserException if one of the two is below 1
   */
  public GenerationEngine(int maxBatch, int maxQueue) {
    requirePositive("the largest batch", maxBatch);
    requirePositive("the longest queue", maxQueue);
    this.maxBatch = maxBatch;
    this.maxQueue = maxQueue;
    thread = new Thread(this::run, "firesteel-engine");
    thread.setDaemon(true);
    thread.start();
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw UserException.usage("%s must be at least 1, got %d: raise it".formatted(what, value));
    }
  }

  /**
   * Adds a model, whose backend no other thread uses from now on.
   *
   * @param pool for activations and caches; of the model's backend
   * @param context the most tokens of a prompt and its completion, at most the model's own
   * @throws UserException if the tokenizer has tokens that the model lacks, or there is a model of
   *     this name
   */
  public void add(
      String name, LanguageModel model, Tokenizer tokenizer, ArrayPool pool, int context) {
    Generator.requireVocabulary(model, tokenizer);
    if (context < 2 || context > model.config().contextLength()) {
      throw UserException.usage(
          "the context of %s must have 2 to %d tokens, those of the model, got %d: correct it"
              .formatted(name, model.config().contextLength(), context));
    }
    Lane lane = new Lane(new EngineModel(model, tokenizer, pool, maxBatch, context));
    synchronized (lock) {
      if (lanes.putIfAbsent(name, lane) != null) {
        lane.model.close();
        throw UserException.usage(
            "models must have different names, got %s twice: name one otherwise".formatted(name));
      }
    }
  }

  private Lane lane(String name) {
    Lane lane = lanes.get(name);
    if (lane == null) {
      throw new IllegalArgumentException("engine: there is no model " + name);
    }
    return lane;
  }

  /** The most completions that a request can have: beyond them, it could never be taken. */
  public int mostChoices() {
    return maxBatch + maxQueue;
  }

  /** The most tokens of a prompt and its completion. */
  public int context(String name) {
    return lane(name).model.context();
  }

  /**
   * Begins a request when its turn has come.
   *
   * @param name of a model
   * @throws QueueFullException if too many completions wait
   * @throws UserException if a prompt leaves no room for a token
   */
  public EngineTicket submit(String name, EngineRequest request, EngineListener listener) {
    Lane lane = lane(name);
    for (int[] prompt : request.prompts()) {
      requireRoom(prompt.length, lane.model.context());
    }
    EngineJob job =
        new EngineJob(
            request,
            new CompletionSequence.Setting(
                lane.model.tokenizer(), request.ends(), lane.model.context()),
            listener);
    synchronized (lock) {
      requireOpen();
      int choices = request.prompts().size();
      requirePlaces(lane.withoutRow(maxBatch, choices) - lane.withoutRow(maxBatch, 0));
      lane.waiting.addAll(job.sequences());
      lock.notifyAll();
    }
    return job;
  }

  private static void requireRoom(int length, int context) {
    if (length < 1 || length >= context) {
      throw UserException.usage(
          "the prompt must have 1 to %d tokens, since the context holds %d, got %d: %s"
              .formatted(
                  context - 1,
                  context,
                  length,
                  length < 1
                      ? "give it text"
                      : "shorten it, or use a model with a longer context"));
    }
  }

  /**
   * The embeddings of texts: the mean of the last hidden states over all tokens, divided by its
   * Euclidean length.
   *
   * @param name of a model
   * @param texts ids, none empty, none longer than the context
   * @return a vector of the model's width for each text
   * @throws QueueFullException if too many requests wait
   */
  public CompletableFuture<List<float[]>> embed(String name, List<int[]> texts) {
    return task(name, new EngineTask<>(texts, EngineModel::embed));
  }

  /**
   * How likely each token of texts is, given those before it in its text.
   *
   * @param name of a model
   * @param texts ids, none empty, none longer than the context
   * @param top how many of the most likely tokens of each position to keep
   * @return for each text, scores of all its tokens but the first
   * @throws QueueFullException if too many requests wait
   */
  public CompletableFuture<List<List<TokenScores>>> score(String name, List<int[]> texts, int top) {
    return task(
        name, new EngineTask<>(texts, (model, left) -> List.of(model.score(left.get(0), top))));
  }

  private <T> CompletableFuture<List<T>> task(String name, EngineTask<T> task) {
    Lane lane = lane(name);
    synchronized (lock) {
      requireOpen();
      requirePlaces(1);
      lane.tasks.add(task);
      lock.notifyAll();
    }
    return task.end();
  }

  /** Whether it takes requests: it does until it is closed, or fails for want of memory. */
  public boolean isOpen() {
    synchronized (lock) {
      return !closing;
    }
  }

  private void requireOpen() {
    if (closing) {
      throw new EngineClosedException();
    }
  }

  /**
   * What fills the queue: tasks, and completions without a row. Those that the engine's thread is
   * about to move to a free row do not count, so that what is refused does not depend on its speed.
   */
  private int queued() {
    int queued = 0;
    for (Lane lane : lanes.values()) {
      queued += lane.withoutRow(maxBatch, 0) + lane.tasks.size();
    }
    return queued;
  }

  private void requirePlaces(int places) {
    int queued = queued();
    if (queued + places > maxQueue) {
      throw new QueueFullException(queued, maxQueue);
    }
  }

  /** Completions and tasks that wait for a model. */
  public int waiting() {
    int waiting = 0;
    synchronized (lock) {
      for (Lane lane : lanes.values()) {
        waiting += lane.waiting.size() + lane.tasks.size();
      }
    }
    return waiting;
  }

  /** Completions that are in the rows of a model. */
  public int active() {
    return lanes.values().stream().mapToInt(lane -> lane.active).sum();
  }

  private void run() {
    try {
      work();
    } finally {
      // Also if it fails, out of memory for instance: callers must hear of it.
      synchronized (lock) {
        closing = true;
      }
      failAll();
    }
  }

  private void work() {
    while (true) {
      synchronized (lock) {
        while (!closing && !hasWork()) {
          try {
            lock.wait();
          } catch (InterruptedException e) {
            // Only close() ends this thread.
            LOG.debug("The engine's thread was interrupted", e);
          }
        }
        if (closing) {
          return;
        }
        for (Lane lane : lanes.values()) {
          admit(lane);
        }
      }
      for (Lane lane : lanes.values()) {
        step(lane);
      }
    }
  }

  private boolean hasWork() {
    for (Lane lane : lanes.values()) {
      if (!lane.waiting.isEmpty() || !lane.tasks.isEmpty() || lane.model.active() > 0) {
        return true;
      }
    }
    return false;
  }

  /** Moves completions from the queue to a model; those that were cancelled meanwhile leave it. */
  private static void admit(Lane lane) {
    lane.waiting.removeIf(CompletionSequence::ended);
    List<EngineSequence> next = new ArrayList<>();
    for (int room = lane.model.room(); room > 0 && !lane.waiting.isEmpty(); room--) {
      next.add(lane.waiting.poll());
    }
    lane.model.take(next);
    lane.active = lane.model.active();
  }

  private void step(Lane lane) {
    EngineTask<?> task;
    synchronized (lock) {
      task = lane.tasks.peek();
    }
    if (task != null && !task.advance(lane.model)) {
      synchronized (lock) {
        lane.tasks.remove();
      }
    }
    if (lane.model.active() > 0) {
      lane.model.step();
      lane.active = lane.model.active();
    }
  }

  private void failAll() {
    EngineClosedException failure = new EngineClosedException();
    for (Lane lane : lanes.values()) {
      List<EngineSequence> waiting;
      List<EngineTask<?>> tasks;
      synchronized (lock) {
        waiting = List.copyOf(lane.waiting);
        tasks = List.copyOf(lane.tasks);
        lane.waiting.clear();
        lane.tasks.clear();
      }
      lane.model.failAll(failure);
      waiting.forEach(sequence -> sequence.fail(failure));
      tasks.forEach(task -> task.fail(failure));
      lane.active = 0;
      lane.model.close();
    }
  }

  /** Fails all requests that have not ended, and releases the memory of all models' rows. */
  @Override
  public void close() {
    synchronized (lock) {
      closing = true;
      lock.notifyAll();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}

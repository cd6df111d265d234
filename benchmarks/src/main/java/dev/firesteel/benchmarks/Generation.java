package dev.firesteel.benchmarks;

/** One decoder with a key-value cache under measurement. */
abstract class Generation implements Work {
  final GenerationTask task;
  private Runnable afterPrompts = () -> {};

  Generation(GenerationTask task) {
    this.task = task;
  }

  /** Runs {@code action} whenever the prompts and their first tokens are done. */
  void afterPrompts(Runnable action) {
    afterPrompts = action;
  }

  /** Forgets all tokens. */
  abstract void start();

  /**
   * Computes the logits after {@code ids[b][from, to)}, the tokens that follow those so far, and
   * keeps them for {@link #best} and {@link #loss}.
   */
  abstract void advance(int[][] ids, int from, int to);

  /** The token of the highest logit, for each sequence. */
  abstract int[] best();

  /** Mean cross-entropy of these next tokens, in nats. */
  abstract double loss(int... next);

  /**
   * The loss of each token of a given continuation, fed one by one, and then, token by token, what
   * is generated.
   */
  @Override
  public double[] check() {
    int[][] sequences = task.sequences();
    int tokens = task.tokens();
    double[] numbers = new double[tokens + tokens * task.batch()];
    start();
    advance(sequences, 0, GenerationTask.PROMPT);
    for (int t = 0; t < tokens; t++) {
      int at = GenerationTask.PROMPT + t;
      numbers[t] = loss(column(sequences, at));
      if (t + 1 < tokens) {
        advance(sequences, at, at + 1);
      }
    }
    generate(sequences);
    for (int t = 0; t < tokens; t++) {
      for (int b = 0; b < task.batch(); b++) {
        numbers[tokens + t * task.batch() + b] = sequences[b][GenerationTask.PROMPT + t];
      }
    }
    return numbers;
  }

  private static int[] column(int[][] rows, int at) {
    int[] column = new int[rows.length];
    for (int b = 0; b < column.length; b++) {
      column[b] = rows[b][at];
    }
    return column;
  }

  /** Seconds for the prompts and their first tokens, and for all other tokens. */
  @Override
  public double[] run() {
    return generate(task.sequences());
  }

  /** Overwrites what follows the prompts. */
  private double[] generate(int[][] sequences) {
    long start = System.nanoTime();
    start();
    advance(sequences, 0, GenerationTask.PROMPT);
    store(best(), sequences, GenerationTask.PROMPT);
    afterPrompts.run();
    long prompted = System.nanoTime();
    for (int at = GenerationTask.PROMPT + 1; at < task.capacity(); at++) {
      advance(sequences, at - 1, at);
      store(best(), sequences, at);
    }
    return new double[] {(prompted - start) * 1e-9, (System.nanoTime() - prompted) * 1e-9};
  }

  private static void store(int[] tokens, int[][] sequences, int at) {
    for (int b = 0; b < tokens.length; b++) {
      sequences[b][at] = tokens[b];
    }
  }
}

package dev.firesteel.data;

import dev.firesteel.config.BatchingConfig;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.tensor.RowLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Documents as rows of batches. Rows are numbered from the start of the run; an epoch has each
 * once, in an order drawn from the seed, so that a run can resume anywhere and any number of ranks
 * sees the same rows.
 *
 * <p>A document of n tokens takes n - 1 places: its last token is a target only.
 */
public final class ExampleBatches {
  /** Rows are as long as the fullest one of a batch needs, rounded up to a multiple of this. */
  private static final int LENGTH_STEP = 16;

  private final List<TrainedTokens> documents;
  private final List<int[]> rows;
  private final int rowLength;
  private final SampleOrder.ShuffledWindows order;

  /**
   * @param documents at least one, each of 2 to {@code rowLength + 1} tokens
   * @param rowLength longest row in tokens
   */
  public ExampleBatches(
      List<TrainedTokens> documents, BatchingConfig.Packing packing, int rowLength, long seed) {
    if (documents.isEmpty()) {
      throw new IllegalArgumentException("batches need at least one document, got none");
    }
    this.documents = List.copyOf(documents);
    this.rowLength = rowLength;
    rows =
        packing == BatchingConfig.Packing.BEST_FIT
            ? Packing.bestFit(
                documents.stream().mapToInt(ExampleBatches::places).toArray(), rowLength)
            : IntStream.range(0, documents.size()).mapToObj(i -> new int[] {i}).toList();
    order = new SampleOrder.ShuffledWindows(seed, rows.size(), 1);
  }

  private static int places(TrainedTokens document) {
    return document.length() - 1;
  }

  /** Rows of an epoch. */
  public int rows() {
    return rows.size();
  }

  /** Targets of rows {@code [first, first + count)}. */
  public long targets(long first, long count) {
    long sum = 0;
    for (long row = first; row < first + count; row++) {
      for (int document : row(row)) {
        sum += documents.get(document).trainedCount();
      }
    }
    return sum;
  }

  /** Tokens of rows {@code [first, first + count)}, without padding. */
  public long tokens(long first, long count) {
    long sum = 0;
    for (long row = first; row < first + count; row++) {
      for (int document : row(row)) {
        sum += places(documents.get(document));
      }
    }
    return sum;
  }

  private int[] row(long row) {
    return rows.get(Math.toIntExact(order.start(row)));
  }

  /** Rows {@code [first, first + count)} in the order of training. */
  public ExampleBatch read(long first, int count) {
    int[][] selected = new int[count][];
    for (int i = 0; i < count; i++) {
      selected[i] = row(first + i);
    }
    return batch(selected);
  }

  /**
   * The rows in their own order, as batches.
   *
   * @param size rows of a batch
   * @param limit maximum number of batches; 0: all
   */
  public List<ExampleBatch> inOrder(int size, int limit) {
    List<ExampleBatch> all = new ArrayList<>();
    for (int first = 0; first < rows.size() && (limit == 0 || all.size() < limit); first += size) {
      int end = Math.min(rows.size(), first + size);
      all.add(batch(rows.subList(first, end).toArray(int[][]::new)));
    }
    return all;
  }

  private ExampleBatch batch(int[][] selected) {
    int[][] lengths = new int[selected.length][];
    int longest = 1;
    long tokens = 0;
    for (int row = 0; row < selected.length; row++) {
      lengths[row] = Arrays.stream(selected[row]).map(i -> places(documents.get(i))).toArray();
      int used = Arrays.stream(lengths[row]).sum();
      longest = Math.max(longest, used);
      tokens += used;
    }
    int length = Math.min(rowLength, (longest + LENGTH_STEP - 1) / LENGTH_STEP * LENGTH_STEP);
    int[] inputs = new int[selected.length * length];
    int[] targets = new int[inputs.length];
    Arrays.fill(targets, -1);
    for (int row = 0; row < selected.length; row++) {
      int at = row * length;
      for (int index : selected[row]) {
        TrainedTokens document = documents.get(index);
        for (int i = 0; i < places(document); i++) {
          inputs[at] = document.token(i);
          targets[at] = document.isTrained(i + 1) ? document.token(i + 1) : -1;
          at++;
        }
      }
    }
    return new ExampleBatch(inputs, targets, RowLayout.packed(length, lengths), tokens);
  }
}

package dev.firesteel.data;

import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import java.util.ArrayList;
import java.util.List;

/**
 * The examples of a run, numbered from its start: an epoch has each once, in an order drawn from
 * the seed.
 */
public final class ExampleOrder {
  private final ExampleDataset examples;
  private final SampleOrder.ShuffledWindows order;

  public ExampleOrder(ExampleDataset examples, long seed) {
    this.examples = examples;
    order = new SampleOrder.ShuffledWindows(seed, examples.size(), 1);
  }

  /** The place in the dataset of an example of the run. */
  public int index(long number) {
    return Math.toIntExact(order.start(number));
  }

  /** Examples {@code [first, first + count)} of the run. */
  public List<Example> read(long first, int count) {
    List<Example> read = new ArrayList<>();
    for (long i = first; i < first + count; i++) {
      read.add(examples.get(index(i)));
    }
    return read;
  }

  /** Tokens of some examples. */
  public static long tokens(List<Example> examples) {
    return examples.stream().mapToLong(Example::length).sum();
  }

  /** The documents of some examples, in order. */
  public static List<TrainedTokens> documents(List<Example> examples) {
    return examples.stream().flatMap(example -> example.documents().stream()).toList();
  }
}

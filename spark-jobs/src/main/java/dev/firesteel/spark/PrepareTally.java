package dev.firesteel.spark;

import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;

/**
 * What one partition of the documents holds: with the tallies of the partitions before it, a task
 * knows where in the whole text its first document stands. Ships between Spark's processes.
 */
final class PrepareTally {
  private int partition;
  private final long[] outcomes = new long[PrepareDocument.OUTCOMES];
  private long textBytes;
  private long characters;

  /** For Kryo, and to add up. */
  PrepareTally() {}

  /** Counts each partition, in their order. */
  static PrepareTally[] of(JavaRDD<PrepareDocument> documents) {
    List<PrepareTally> tallies = documents.mapPartitionsWithIndex(new Count(), true).collect();
    PrepareTally[] byPartition = new PrepareTally[documents.getNumPartitions()];
    tallies.forEach(tally -> byPartition[tally.partition] = tally);
    return byPartition;
  }

  /** The sum of all. */
  static PrepareTally sum(PrepareTally... tallies) {
    PrepareTally sum = new PrepareTally();
    for (PrepareTally tally : tallies) {
      for (int i = 0; i < PrepareDocument.OUTCOMES; i++) {
        sum.outcomes[i] += tally.outcomes[i];
      }
      sum.textBytes += tally.textBytes;
      sum.characters += tally.characters;
    }
    return sum;
  }

  /** Records with this outcome. */
  long count(byte outcome) {
    return outcomes[outcome];
  }

  /** Documents with text. */
  long documents() {
    return outcomes[PrepareDocument.TEXT];
  }

  /** Bytes of the documents in UTF-8. */
  long textBytes() {
    return textBytes;
  }

  /** Unicode code points of the documents. */
  long characters() {
    return characters;
  }

  private void add(PrepareDocument document) {
    outcomes[document.outcome()]++;
    String text = document.text();
    textBytes += PreparePart.utf8Bytes(text);
    characters += text.codePointCount(0, text.length());
  }

  private static final class Count
      implements Function2<Integer, Iterator<PrepareDocument>, Iterator<PrepareTally>> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<PrepareTally> call(Integer partition, Iterator<PrepareDocument> documents) {
      PrepareTally tally = new PrepareTally();
      tally.partition = partition;
      documents.forEachRemaining(tally::add);
      return Collections.singleton(tally).iterator();
    }
  }
}

package dev.firesteel.spark.prepare;

import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;

/**
 * The counts of one partition of the documents: given the tallies of all earlier partitions, a task
 * knows the position of its first document in the whole text. Ships between Spark's processes.
 */
public final class Tally {
  private int partition;
  private final long[] outcomes = new long[Document.OUTCOMES];
  private long textBytes;
  private long characters;

  /** For Kryo, and to add up. */
  Tally() {}

  /** Counts each partition, in order. */
  static Tally[] of(JavaRDD<Document> documents) {
    List<Tally> tallies = documents.mapPartitionsWithIndex(new Count(), true).collect();
    Tally[] byPartition = new Tally[documents.getNumPartitions()];
    tallies.forEach(tally -> byPartition[tally.partition] = tally);
    return byPartition;
  }

  /** The sum of all. */
  static Tally sum(Tally... tallies) {
    Tally sum = new Tally();
    for (Tally tally : tallies) {
      for (int i = 0; i < Document.OUTCOMES; i++) {
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
    return outcomes[Document.TEXT];
  }

  /** Bytes of the documents in UTF-8. */
  long textBytes() {
    return textBytes;
  }

  /** Unicode code points of the documents. */
  long characters() {
    return characters;
  }

  private void add(Document document) {
    outcomes[document.outcome()]++;
    String text = document.text();
    textBytes += DocumentPart.utf8Bytes(text);
    characters += text.codePointCount(0, text.length());
  }

  private static final class Count
      implements Function2<Integer, Iterator<Document>, Iterator<Tally>> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Tally> call(Integer partition, Iterator<Document> documents) {
      Tally tally = new Tally();
      tally.partition = partition;
      documents.forEachRemaining(tally::add);
      return Collections.singleton(tally).iterator();
    }
  }
}

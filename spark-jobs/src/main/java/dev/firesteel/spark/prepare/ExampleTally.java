package dev.firesteel.spark.prepare;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaRDD;

/** The counts of some encoded records. Ships between Spark's processes. */
public final class ExampleTally {
  private long read;
  private long kept;
  private long truncated;
  private long templated;
  private final TreeMap<String, Long> bad = new TreeMap<>();
  private final TreeMap<String, Long> dropped = new TreeMap<>();
  private final TreeMap<String, PreparedRecord> first = new TreeMap<>();

  /** For Kryo, and to add up. */
  ExampleTally() {}

  /** Counts all records. */
  static ExampleTally of(JavaRDD<PreparedRecord> records) {
    List<ExampleTally> parts = records.mapPartitions(ExampleTally::count).collect();
    ExampleTally sum = new ExampleTally();
    parts.forEach(sum::add);
    return sum;
  }

  private static Iterator<ExampleTally> count(Iterator<PreparedRecord> records) {
    ExampleTally tally = new ExampleTally();
    records.forEachRemaining(tally::add);
    return List.of(tally).iterator();
  }

  private void add(PreparedRecord record) {
    read++;
    if (record.isKept()) {
      kept++;
      truncated += record.isTruncated() ? 1 : 0;
      templated += record.isTemplated() ? 1 : 0;
      return;
    }
    (record.isBad() ? bad : dropped).merge(record.reason(), 1L, Long::sum);
    first.merge(record.reason(), record, ExampleTally::earlier);
  }

  private void add(ExampleTally part) {
    read += part.read;
    kept += part.kept;
    truncated += part.truncated;
    templated += part.templated;
    part.bad.forEach((reason, count) -> bad.merge(reason, count, Long::sum));
    part.dropped.forEach((reason, count) -> dropped.merge(reason, count, Long::sum));
    part.first.forEach((reason, record) -> first.merge(reason, record, ExampleTally::earlier));
  }

  /** Within a block, records are counted in the order of the file. */
  private static PreparedRecord earlier(PreparedRecord a, PreparedRecord b) {
    int byFile = a.file().compareTo(b.file());
    return byFile < 0 || (byFile == 0 && a.block() <= b.block()) ? a : b;
  }

  long read() {
    return read;
  }

  long kept() {
    return kept;
  }

  long truncated() {
    return truncated;
  }

  /** Examples that were written with the chat template. */
  long templated() {
    return templated;
  }

  /** Records with a defect, by reason. */
  Map<String, Long> bad() {
    return bad;
  }

  /** Sound records that are left out, by reason. */
  Map<String, Long> dropped() {
    return dropped;
  }

  /** The first record of each reason. */
  Map<String, PreparedRecord> first() {
    return first;
  }

  long badCount() {
    return bad.values().stream().mapToLong(Long::longValue).sum();
  }
}

package dev.firesteel.spark.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.ExampleLine;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * Writes examples in the order of their records' hashes, which are uniformly distributed: each
 * partition of that order has a file of training and one of validation examples.
 */
final class ExampleFiles {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Examples of a file, on average. */
  private static final long FILE_EXAMPLES = 100_000;

  private ExampleFiles() {}

  /** A file and the sums of its examples. */
  record Written(
      ExampleManifest.FileEntry entry, long documents, long tokens, long trained, int longest) {}

  /** Writes the first {@code keep} examples. */
  static List<Written> write(
      JavaRDD<PreparedRecord> encoded, long keep, Path folder, Configuration conf) {
    int partitions = (int) Math.min(10_000, keep / FILE_EXAMPLES + 1);
    JavaRDD<PreparedRecord> ordered =
        encoded
            .filter(PreparedRecord::isKept)
            .mapToPair(record -> new Tuple2<>(record.key(), record))
            .repartitionAndSortWithinPartitions(new DocumentReader.ByHash(partitions))
            .values()
            .persist(StorageLevel.DISK_ONLY());
    try {
      List<Long> sizes =
          ordered.mapPartitions(records -> List.of(size(records)).iterator()).collect();
      long[] before = new long[sizes.size()];
      for (int i = 1; i < before.length; i++) {
        before[i] = before[i - 1] + sizes.get(i - 1);
      }
      JavaRDD<String> writing =
          ordered.mapPartitionsWithIndex(
              new Write(before, keep, folder.toString(), new SerializableConfiguration(conf)),
              true);
      return WritingJob.collect(writing).stream()
          .map(ExampleFiles::parse)
          .sorted(Comparator.comparing(written -> written.entry().name()))
          .toList();
    } finally {
      ordered.unpersist(false);
    }
  }

  private static long size(Iterator<PreparedRecord> records) {
    long size = 0;
    for (; records.hasNext(); records.next()) {
      size++;
    }
    return size;
  }

  private static Written parse(String json) {
    try {
      return JSON.readValue(json, Written.class);
    } catch (JsonProcessingException e) {
      throw new AssertionError("written by this class", e);
    }
  }

  private static final class Write
      implements Function2<Integer, Iterator<PreparedRecord>, Iterator<String>> {
    private static final long serialVersionUID = 1L;
    private final long[] before;
    private final long keep;
    private final String folder;
    private final SerializableConfiguration conf;

    Write(long[] before, long keep, String folder, SerializableConfiguration conf) {
      this.before = before;
      this.keep = keep;
      this.folder = folder;
      this.conf = conf;
    }

    @Override
    public Iterator<String> call(Integer partition, Iterator<PreparedRecord> records)
        throws IOException {
      Path path = new Path(folder);
      try (Out train = new Out(path, Part.TRAIN, partition);
          Out validation = new Out(path, Part.VALIDATION, partition)) {
        FileSystem fs = HadoopFiles.fileSystem(path, conf.value());
        for (long at = before[partition]; at < keep && records.hasNext(); at++) {
          PreparedRecord record = records.next();
          (record.isValidation() ? validation : train).add(fs, record.text());
        }
        List<String> written = new ArrayList<>();
        train.finish(written);
        validation.finish(written);
        return written.iterator();
      } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
        throw HadoopFiles.explain("writing examples into " + folder, e);
      }
    }
  }

  /** A file that is created with its first example. */
  private static final class Out implements AutoCloseable {
    private final Path path;
    private final MessageDigest digest = HadoopFiles.sha256();
    private OutputStream stream;
    private long examples;
    private long bytes;
    private long documents;
    private long tokens;
    private long trained;
    private int longest;

    Out(Path folder, Part part, int number) {
      path = new Path(folder, String.format(Locale.ROOT, "%s-%05d.jsonl", part.title(), number));
    }

    void add(FileSystem fs, String line) throws IOException {
      if (stream == null) {
        stream = new BufferedOutputStream(new DigestOutputStream(fs.create(path, true), digest));
      }
      byte[] text = (line + "\n").getBytes(StandardCharsets.UTF_8);
      stream.write(text);
      bytes += text.length;
      examples++;
      for (TrainedTokens document : ExampleLine.parse(line).documents()) {
        documents++;
        tokens += document.length();
        trained += document.trainedCount();
        longest = Math.max(longest, document.length());
      }
    }

    void finish(List<String> into) throws IOException {
      if (stream == null) {
        return;
      }
      stream.close();
      into.add(
          JSON.writeValueAsString(
              new Written(
                  new ExampleManifest.FileEntry(
                      path.getName(), examples, bytes, HexFormat.of().formatHex(digest.digest())),
                  documents,
                  tokens,
                  trained,
                  longest)));
    }

    @Override
    public void close() throws IOException {
      if (stream != null) {
        stream.close();
      }
    }
  }
}

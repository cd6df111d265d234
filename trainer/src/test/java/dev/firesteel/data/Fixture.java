package dev.firesteel.data;

import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Writes small prepared data. */
final class Fixture {
  static final Configuration CONF = new Configuration();

  private Fixture() {}

  /**
   * Data whose training part is the given shards of documents; validation is one document 7, 8, 9.
   */
  static DatasetManifest write(Path folder, TokenEncoding encoding, int[][]... shards)
      throws IOException {
    FileSystem fs = HadoopFiles.fileSystem(folder, CONF);
    List<DatasetManifest.ShardInfo> train = new ArrayList<>();
    long tokens = 0;
    long documents = 0;
    for (int[][] shard : shards) {
      try (var writer =
          new ShardWriter(fs, folder, "train-%05d".formatted(train.size()), encoding)) {
        for (int[] document : shard) {
          writer.add(document);
          tokens += document.length;
          documents++;
        }
        train.add(writer.finish());
      }
    }
    DatasetManifest.ShardInfo validation;
    try (var writer = new ShardWriter(fs, folder, "validation-00000", encoding)) {
      writer.add(7, 8, 9);
      validation = writer.finish();
    }
    var manifest =
        new DatasetManifest(
            DatasetManifest.VERSION,
            "corpus",
            "00",
            new DatasetManifest.Inputs(1, 10, "11"),
            new DatasetManifest.TokenizerInfo("tokenizer.json", "22", 300),
            encoding,
            "hash",
            new DatasetManifest.DocumentCounts(documents + 3, 1, 0, 0, 1, 0, documents + 1),
            new DatasetManifest.SplitInfo(documents, tokens, 4 * tokens, train),
            new DatasetManifest.SplitInfo(1, 3, 12, List.of(validation)));
    manifest.write(folder, CONF);
    return manifest;
  }

  /** One shard with one document {@code 0, 1, ..., tokens - 1}. */
  static TokenDataset counting(java.nio.file.Path folder, int tokens) throws IOException {
    int[] document = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      document[i] = i;
    }
    Path path = new Path(folder.toUri());
    write(path, TokenEncoding.INT32, new int[][] {document});
    return TokenDataset.open(path, DatasetManifest.Part.TRAIN, CONF);
  }
}

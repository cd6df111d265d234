package dev.firesteel.inspect;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.DatasetManifest.ShardInfo;
import dev.firesteel.data.DatasetManifest.SplitInfo;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.train.TrainingData;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.Path;

/** Folders of prepared text, and single shards of them. */
final class DataInspection {
  private static final List<String> HEADER =
      List.of("shard", "documents", "tokens", "bytes", "least id", "greatest id", "distinct ids");

  private DataInspection() {}

  static boolean isPrepared(Source source) throws IOException {
    return source.has(DatasetManifest.FILE_NAME)
        && manifest(source.fs().open(source.child(DatasetManifest.FILE_NAME)))
            .has("token_encoding");
  }

  /** A manifest as JSON; missing if it is none. */
  static JsonNode manifest(InputStream json) throws IOException {
    try (json) {
      return Safetensors.JSON.readTree(json);
    } catch (JsonProcessingException e) {
      return Safetensors.JSON.missingNode();
    }
  }

  static void inspectPrepared(Source source, Inspection into) throws IOException {
    DatasetManifest manifest = DatasetManifest.read(source.path(), source.hadoop());
    describe(manifest, into);
    List<List<Object>> rows = new ArrayList<>();
    Count count = new Count(manifest.tokenizer().vocabularySize());
    List<String> damage = new ArrayList<>();
    for (Part part : Part.values()) {
      if (manifest.part(part).shards().isEmpty()) {
        continue;
      }
      try {
        TokenDataset tokens = TokenDataset.open(source.path(), part, source.hadoop());
        long start = 0;
        for (ShardInfo shard : manifest.part(part).shards()) {
          rows.add(row(shard, count.of(tokens, start, shard.tokens())));
          start += shard.tokens();
        }
      } catch (UserException e) {
        damage.add(e.getMessage());
      }
    }
    into.table(new Table("shards", HEADER, rows));
    into.check(
        "hashes",
        damage.isEmpty(),
        damage.isEmpty()
            ? "all shards have the lengths and SHA-256 of the manifest"
            : TensorSet.listed(damage));
    count.check(into);
    checkTokenizer(source, into);
  }

  private static void describe(DatasetManifest manifest, Inspection into) {
    into.fact("source", manifest.source())
        .fact("files read", manifest.inputs().files())
        .fact("bytes read", manifest.inputs().bytes())
        .fact("documents", manifest.documents().kept())
        .fact("documents dropped", manifest.documents().dropped())
        .fact("vocabulary size", (long) manifest.tokenizer().vocabularySize())
        .fact("token encoding", manifest.tokenEncoding().name().toLowerCase(Locale.ROOT))
        .fact("validation split", manifest.split());
    for (Part part : Part.values()) {
      SplitInfo split = manifest.part(part);
      into.fact(part.title() + " documents", split.documents())
          .fact(part.title() + " tokens", split.tokens())
          .fact(
              part.title() + " bytes per token",
              split.tokens() == 0 ? null : (double) split.textBytes() / split.tokens());
    }
  }

  private static void checkTokenizer(Source source, Inspection into) {
    try {
      TrainingData.open(source.path(), source.hadoop());
      into.check("tokenizer", true, "it is the one of the manifest");
    } catch (UserException e) {
      into.check("tokenizer", false, e.getMessage());
    }
  }

  /** One of the two files of a shard, beside the manifest that names it. */
  static boolean isShard(Source source) throws IOException {
    return (source.endsWith(".bin") || source.endsWith(".idx"))
        && source.fs().exists(new Path(source.path().getParent(), DatasetManifest.FILE_NAME));
  }

  static void inspectShard(Source source, Inspection into) {
    Path folder = source.path().getParent();
    String name = source.path().getName().replaceFirst("\\.(bin|idx)$", "");
    DatasetManifest manifest = DatasetManifest.read(folder, source.hadoop());
    for (Part part : Part.values()) {
      long start = 0;
      for (ShardInfo shard : manifest.part(part).shards()) {
        if (shard.name().equals(name)) {
          into.fact("folder", HadoopFiles.withPlainPaths(folder.toString()))
              .fact("split", part.title())
              .fact("vocabulary size", (long) manifest.tokenizer().vocabularySize())
              .fact("token encoding", manifest.tokenEncoding().name().toLowerCase(Locale.ROOT));
          Count count = new Count(manifest.tokenizer().vocabularySize());
          TokenDataset tokens = TokenDataset.open(folder, part, source.hadoop());
          into.table(
              new Table(
                  "shards", HEADER, List.of(row(shard, count.of(tokens, start, shard.tokens())))));
          count.check(into);
          return;
        }
        start += shard.tokens();
      }
    }
    throw UserException.usage(
        "%s must be a shard that the manifest of its folder names, got another file: name the folder"
            .formatted(source.path()));
  }

  private static List<Object> row(ShardInfo shard, Ids ids) {
    return ModelInspection.row(
        shard.name(),
        shard.documents(),
        shard.tokens(),
        shard.bin().bytes(),
        ids.least(),
        ids.greatest(),
        ids.distinct());
  }

  /** The ids in a range of tokens. */
  private record Ids(long least, long greatest, long distinct) {}

  /** Looks at every token, and counts those that the vocabulary lacks. */
  private static final class Count {
    private final int vocabularySize;
    private long beyond;
    private long tokens;

    Count(int vocabularySize) {
      this.vocabularySize = vocabularySize;
    }

    Ids of(TokenDataset data, long start, long length) {
      int[] buffer = new int[StoredTensor.PART];
      BitSet seen = new BitSet();
      long least = Long.MAX_VALUE;
      long greatest = Long.MIN_VALUE;
      for (long done = 0; done < length; ) {
        int count = (int) Math.min(buffer.length, length - done);
        data.read(start + done, buffer, 0, count);
        for (int i = 0; i < count; i++) {
          int id = buffer[i];
          least = Math.min(least, id);
          greatest = Math.max(greatest, id);
          if (id < 0 || id >= vocabularySize) {
            beyond++;
          } else {
            seen.set(id);
          }
        }
        done += count;
      }
      tokens += length;
      return new Ids(least, greatest, seen.cardinality());
    }

    void check(Inspection into) {
      into.check(
          "ids",
          beyond == 0,
          beyond == 0
              ? "%,d tokens are below the vocabulary size %,d".formatted(tokens, vocabularySize)
              : "%,d of %,d tokens are not below the vocabulary size %,d"
                  .formatted(beyond, tokens, vocabularySize));
    }
  }
}

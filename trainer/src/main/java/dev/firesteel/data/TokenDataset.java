package dev.firesteel.data;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One split of prepared data as one long sequence of tokens: the concatenated documents of all
 * shards, each ended by the end-of-text token (if the tokenizer has one). Random access by memory
 * mapping; thread-safe.
 *
 * <p>Opening compares the lengths of all files with the manifest, and their SHA-256 the first time:
 * a marker next to the data ({@value #MARKER}) records what was verified, with the files' lengths
 * and modification times. Shards on other than the local file system are copied to a local cache,
 * named by their SHA-256, which is checked during the copy.
 */
public final class TokenDataset {
  static final String MARKER = "_verified";

  private static final Logger LOG = LoggerFactory.getLogger(TokenDataset.class);

  /**
   * Shard names are chosen by the writer; any other name in a manifest could point outside the
   * folder.
   */
  private static final Pattern SHARD_NAME = Pattern.compile("[a-z]+-[0-9]+");

  private final DatasetManifest manifest;
  private final DatasetManifest.Part part;
  private final TokenFile[] files;

  /** {@code starts[i]} is the first token of shard i; one more entry holds the end. */
  private final long[] starts;

  private TokenDataset(
      DatasetManifest manifest, DatasetManifest.Part part, TokenFile[] files, long[] starts) {
    this.manifest = manifest;
    this.part = part;
    this.files = files;
    this.starts = starts;
  }

  /**
   * Opens one split of a folder of prepared data.
   *
   * @throws UserException if the folder holds no prepared data, the split is empty, or a file is
   *     missing, truncated or changed
   */
  public static TokenDataset open(Path folder, DatasetManifest.Part part, Configuration conf) {
    DatasetManifest manifest = DatasetManifest.read(folder, conf);
    List<DatasetManifest.ShardInfo> shards = manifest.part(part).shards();
    if (shards.isEmpty()) {
      throw UserException.usage(
          "%s must hold %s text, got none: prepare more documents or raise data.validation_fraction"
              .formatted(folder, part.title()));
    }
    try {
      FileSystem fs = HadoopFiles.fileSystem(folder, conf);
      Verification verification = new Verification(fs, folder, manifest);
      TokenFile[] files = new TokenFile[shards.size()];
      long[] starts = new long[shards.size() + 1];
      for (int i = 0; i < files.length; i++) {
        DatasetManifest.ShardInfo shard = shards.get(i);
        File bin = verification.open(shard);
        files[i] = new TokenFile(bin, manifest.tokenEncoding());
        starts[i + 1] = starts[i] + shard.tokens();
      }
      verification.finish();
      return new TokenDataset(manifest, part, files, starts);
    } catch (IOException e) {
      throw HadoopFiles.explain("opening the prepared data " + folder, e);
    }
  }

  public DatasetManifest manifest() {
    return manifest;
  }

  /** Number of tokens, end-of-text tokens included. */
  public long tokens() {
    return starts[files.length];
  }

  /** Tokens per byte of text: a loss in nats per token times this over ln 2 is bits per byte. */
  public double tokensPerByte() {
    return (double) tokens() / manifest.part(part).textBytes();
  }

  /** Copies {@code length} tokens from token {@code start} on. */
  public void read(long start, int[] into, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, into.length);
    Objects.checkFromIndexSize(start, (long) length, tokens());
    int shard = shardOf(start);
    for (int done = 0; done < length; shard++) {
      long within = start + done - starts[shard];
      int count = (int) Math.min(length - done, starts[shard + 1] - starts[shard] - within);
      files[shard].read(within, into, offset + done, count);
      done += count;
    }
  }

  private int shardOf(long token) {
    int low = 0;
    int high = files.length - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (starts[middle] <= token) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /** Locates each shard's file, and compares it with the manifest unless already done. */
  private static final class Verification {
    private final FileSystem fs;
    private final Path folder;
    private final DatasetManifest manifest;
    private final Path marker;
    private final String state;
    private final boolean verified;

    Verification(FileSystem fs, Path folder, DatasetManifest manifest) throws IOException {
      this.fs = fs;
      this.folder = folder;
      this.manifest = manifest;
      this.marker = new Path(folder, MARKER);
      this.state = checkLengths();
      this.verified = state.equals(readMarker());
    }

    /** Compares all lengths; the returned text changes when any file does. */
    private String checkLengths() throws IOException {
      StringBuilder text = new StringBuilder(manifest.sha256());
      for (DatasetManifest.Part part : DatasetManifest.Part.values()) {
        for (DatasetManifest.ShardInfo shard : manifest.part(part).shards()) {
          if (!SHARD_NAME.matcher(shard.name()).matches()) {
            throw UserException.failure(
                "the manifest of %s names the shard \"%s\", which is not a valid shard name: prepare the data again"
                    .formatted(folder, shard.name()));
          }
          checkLength(path(shard, ".bin"), shard.bin(), text);
          checkLength(path(shard, ".idx"), shard.idx(), text);
          if (shard.bin().bytes() != shard.tokens() * manifest.tokenEncoding().bytes()) {
            throw UserException.failure(
                "the manifest of %s is inconsistent: %s has %d tokens in %d bytes: prepare the data again"
                    .formatted(folder, shard.name(), shard.tokens(), shard.bin().bytes()));
          }
        }
      }
      return HexFormat.of()
          .formatHex(HadoopFiles.sha256().digest(text.toString().getBytes(StandardCharsets.UTF_8)));
    }

    private void checkLength(Path file, DatasetManifest.FileInfo expected, StringBuilder text)
        throws IOException {
      FileStatus status;
      try {
        status = fs.getFileStatus(file);
      } catch (FileNotFoundException e) {
        throw UserException.failure(
            "the token shard %s is missing: delete its folder and run the command prepare again"
                .formatted(file),
            e);
      }
      if (status.getLen() != expected.bytes()) {
        throw UserException.failure(
            "the token shard %s must have %d bytes, got %d: delete its folder and run the command prepare again"
                .formatted(file, expected.bytes(), status.getLen()));
      }
      text.append('\n').append(file.getName()).append(' ').append(status.getModificationTime());
    }

    /** The shard's {@code .bin} as a local file. */
    File open(DatasetManifest.ShardInfo shard) throws IOException {
      Path bin = path(shard, ".bin");
      File local = HadoopFiles.localFile(fs, bin);
      if (local == null) {
        return cached(bin, shard.bin());
      }
      return local;
    }

    private void checkHashes(DatasetManifest.ShardInfo shard) throws IOException {
      Path bin = path(shard, ".bin");
      checkHash(bin, shard.bin().sha256(), HadoopFiles.sha256(fs, bin));
      Path idx = path(shard, ".idx");
      checkHash(idx, shard.idx().sha256(), HadoopFiles.sha256(fs, idx));
    }

    private static void checkHash(Path file, String expected, String got) {
      if (!got.equals(expected)) {
        throw UserException.failure(
            "the token shard %s must have the SHA-256 %s, got %s: delete its folder and run the command prepare again"
                .formatted(file, expected, got));
      }
    }

    private File cached(Path bin, DatasetManifest.FileInfo expected) throws IOException {
      java.nio.file.Path cache =
          java.nio.file.Path.of(
              System.getProperty("java.io.tmpdir"),
              "firesteel-cache-" + System.getProperty("user.name"));
      Files.createDirectories(cache);
      java.nio.file.Path target = cache.resolve(expected.sha256() + ".bin");
      if (Files.exists(target) && Files.size(target) == expected.bytes()) {
        return target.toFile();
      }
      LOG.info("Copying {} to the local cache {}", bin, target);
      java.nio.file.Path partial = Files.createTempFile(cache, "partial-", ".bin");
      try {
        var digest = HadoopFiles.sha256();
        try (InputStream in = new java.security.DigestInputStream(fs.open(bin), digest);
            OutputStream out = Files.newOutputStream(partial)) {
          HadoopFiles.copy(in, out);
        }
        checkHash(bin, expected.sha256(), HexFormat.of().formatHex(digest.digest()));
        try {
          Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
          throw new AssertionError("both names are in one folder", e);
        }
      } finally {
        Files.deleteIfExists(partial);
      }
      return target.toFile();
    }

    private String readMarker() throws IOException {
      try (InputStream in = fs.open(marker)) {
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
      } catch (FileNotFoundException e) {
        return "";
      }
    }

    /** Both splits, whichever is being opened: the marker covers both. */
    void finish() throws IOException {
      if (verified || HadoopFiles.localFile(fs, folder) == null) {
        return;
      }
      for (DatasetManifest.Part part : DatasetManifest.Part.values()) {
        for (DatasetManifest.ShardInfo shard : manifest.part(part).shards()) {
          checkHashes(shard);
        }
      }
      remember();
    }

    private void remember() {
      try (OutputStream out = fs.create(marker, true)) {
        out.write(state.getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        // A read-only folder works, too; it is verified every time.
        LOG.info("Cannot write {}, the data will be verified again: {}", marker, e.getMessage());
      }
    }

    private Path path(DatasetManifest.ShardInfo shard, String ending) {
      return new Path(folder, shard.name() + ending);
    }
  }
}

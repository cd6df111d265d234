package dev.firesteel.checkpoint;

import com.fasterxml.jackson.core.type.TypeReference;
import dev.firesteel.checkpoint.CheckpointManifest.FileEntry;
import dev.firesteel.collective.Collective;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The combined votes of all ranks on their share of a phase; the same on each of them.
 *
 * @param complete whether all are done
 * @param files that they wrote, those of rank 0 first
 * @param failure the message of the first rank that failed; null if none did
 */
record Ballot(boolean complete, List<FileEntry> files, String failure) {
  private static final byte DONE = 0;
  private static final byte FAILED = 1;
  private static final byte AT_WORK = 2;

  Ballot {
    files = List.copyOf(files);
  }

  /** The vote of a rank that is done and wrote some files. */
  static byte[] done(List<FileEntry> files) {
    try {
      return encode(DONE, CheckpointManifest.JSON.writeValueAsBytes(files));
    } catch (IOException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /** The vote of a rank that failed. */
  static byte[] failed(String sentence) {
    return encode(FAILED, sentence.getBytes(StandardCharsets.UTF_8));
  }

  /** The vote of a rank that is still working. */
  static byte[] atWork() {
    return encode(AT_WORK, new byte[0]);
  }

  /** Gathers the votes; every rank calls it. */
  static Ballot gather(Collective collective, byte[] mine) {
    boolean complete = true;
    String failure = null;
    List<FileEntry> files = new ArrayList<>();
    for (byte[] vote : collective.allGather(mine)) {
      byte[] body = Arrays.copyOfRange(vote, 1, vote.length);
      complete &= vote[0] == DONE;
      if (vote[0] == FAILED && failure == null) {
        failure = new String(body, StandardCharsets.UTF_8);
      } else if (vote[0] == DONE) {
        files.addAll(parse(body));
      }
    }
    return new Ballot(complete, files, failure);
  }

  private static List<FileEntry> parse(byte[] json) {
    try {
      return CheckpointManifest.JSON.readValue(json, new TypeReference<List<FileEntry>>() {});
    } catch (IOException e) {
      throw new UncheckedIOException("a rank's list of files cannot be read", e);
    }
  }

  private static byte[] encode(byte kind, byte[] body) {
    byte[] vote = new byte[body.length + 1];
    vote[0] = kind;
    System.arraycopy(body, 0, vote, 1, body.length);
    return vote;
  }
}

package dev.firesteel.checkpoint;

import java.io.IOException;
import java.io.OutputStream;

/**
 * A file of a checkpoint that is written while training goes on.
 *
 * @param path relative to the checkpoint's directory, with slashes
 * @param content writes it from a snapshot: on another thread, when the weights have long changed
 */
public record CheckpointFile(String path, Content content) {
  /** Writes a file's bytes, in blocks: between two of them it can be stopped. */
  @FunctionalInterface
  public interface Content {
    void writeTo(OutputStream out) throws IOException;
  }
}

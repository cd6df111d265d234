package dev.firesteel.spark;

import dev.firesteel.data.DatasetManifest.Part;

/** The tokens of a document, encoded as in a shard. Ships between Spark's processes. */
final class PrepareTokens {
  static final byte TRAIN = 0;
  static final byte VALIDATION = 1;
  static final int PARTS = 2;

  private byte part;
  private int textBytes;
  private byte[] tokens;

  /** For Kryo. */
  PrepareTokens() {}

  PrepareTokens(Part part, int textBytes, byte[] tokens) {
    this.part = part == Part.TRAIN ? TRAIN : VALIDATION;
    this.textBytes = textBytes;
    this.tokens = tokens;
  }

  /** {@link #TRAIN} or {@link #VALIDATION}. */
  int part() {
    return part;
  }

  int textBytes() {
    return textBytes;
  }

  byte[] tokens() {
    return tokens;
  }
}

package dev.firesteel.spark.prepare;

import dev.firesteel.data.DatasetManifest.Part;

/** The tokens of a document, encoded as in a shard. Ships between Spark's processes. */
public final class TokenizedDocument {
  static final byte TRAIN = 0;
  static final byte VALIDATION = 1;
  static final int PARTS = 2;

  private byte part;
  private int textBytes;
  private byte[] tokens;

  /** For Kryo. */
  TokenizedDocument() {}

  TokenizedDocument(Part part, int textBytes, byte[] tokens) {
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

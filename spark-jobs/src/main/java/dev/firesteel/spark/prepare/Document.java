package dev.firesteel.spark.prepare;

/**
 * One document in {@code prepare}, or a record that was dropped. Ships between Spark's processes: a
 * plain class with fields.
 */
public final class Document {
  /** How a record was classified. */
  static final byte TEXT = 0;

  static final byte EMPTY = 1;
  static final byte MALFORMED = 2;
  static final byte MISSING_TEXT = 3;
  static final byte DUPLICATE = 4;
  static final int OUTCOMES = 5;

  private byte outcome;
  private String hash;
  private int file;
  private String text;

  /** For Kryo. */
  Document() {}

  private Document(byte outcome, String hash, int file, String text) {
    this.outcome = outcome;
    this.hash = hash;
    this.file = file;
    this.text = text;
  }

  static Document text(String hash, int file, String text) {
    return new Document(TEXT, hash, file, text);
  }

  /** A record that is dropped, and only counted. */
  static Document dropped(byte outcome) {
    return new Document(outcome, "", 0, "");
  }

  byte outcome() {
    return outcome;
  }

  boolean isText() {
    return outcome == TEXT;
  }

  /** SHA-256 of the text in UTF-8, in hexadecimal; empty for a dropped record. */
  String hash() {
    return hash;
  }

  /** Number of the file it came from, if whole files are documents; else 0. */
  int file() {
    return file;
  }

  String text() {
    return text;
  }
}

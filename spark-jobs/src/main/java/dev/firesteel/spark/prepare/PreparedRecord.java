package dev.firesteel.spark.prepare;

/**
 * What became of one record of a dataset: an example, or the reason why it is none. Ships between
 * Spark's processes: a plain class with fields.
 */
public final class PreparedRecord {
  private static final byte KEPT = 0;
  private static final byte BAD = 1;
  private static final byte DROPPED = 2;

  private byte outcome;
  private boolean truncated;
  private boolean validation;
  private boolean templated;
  private String key;
  private String reason;
  private String text;
  private String file;
  private long block;

  /** For Kryo. */
  PreparedRecord() {}

  private PreparedRecord(byte outcome, String key, String text) {
    this.outcome = outcome;
    this.key = key;
    this.text = text;
    reason = "";
    file = "";
  }

  /**
   * An example.
   *
   * @param key SHA-256 of the record, which determines the order of examples
   * @param line the example as a line of JSON
   * @param truncated whether tokens were cut off
   * @param validation whether it is held out
   * @param templated whether it was written with the chat template
   */
  static PreparedRecord kept(
      String key, String line, boolean truncated, boolean validation, boolean templated) {
    PreparedRecord record = new PreparedRecord(KEPT, key, line);
    record.truncated = truncated;
    record.validation = validation;
    record.templated = templated;
    return record;
  }

  /**
   * A record that is no example.
   *
   * @param key SHA-256 of the record
   * @param bad whether it has a defect, rather than being too long
   * @param reason label under which it is counted
   * @param detail what is wrong with this one
   */
  static PreparedRecord rejected(String key, boolean bad, String reason, String detail) {
    PreparedRecord record = new PreparedRecord(bad ? BAD : DROPPED, key, detail);
    record.reason = reason;
    return record;
  }

  /** The same record with the place that it was read from. */
  PreparedRecord at(String newFile, long newBlock) {
    file = newFile;
    block = newBlock;
    return this;
  }

  boolean isKept() {
    return outcome == KEPT;
  }

  boolean isBad() {
    return outcome == BAD;
  }

  boolean isTruncated() {
    return truncated;
  }

  boolean isValidation() {
    return validation;
  }

  boolean isTemplated() {
    return templated;
  }

  String key() {
    return key;
  }

  String reason() {
    return reason;
  }

  /** The example's line, or what is wrong with the record. */
  String text() {
    return text;
  }

  /** URI of the file; empty for a table. */
  String file() {
    return file;
  }

  /** First byte of the file's block that it was read with, or of the record in an array. */
  long block() {
    return block;
  }
}

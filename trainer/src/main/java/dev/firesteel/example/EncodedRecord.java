package dev.firesteel.example;

/** What became of a record. */
public sealed interface EncodedRecord {
  /**
   * It is an example.
   *
   * @param example the tokens
   * @param cut how many tokens were cut away
   */
  record Accepted(Example example, int cut) implements EncodedRecord {}

  /**
   * It is none.
   *
   * @param reason why
   * @param detail a sentence about this record
   */
  record Rejected(RejectionReason reason, String detail) implements EncodedRecord {}
}

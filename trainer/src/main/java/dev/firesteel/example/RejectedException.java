package dev.firesteel.example;

/** Ends the reading of a record. */
final class RejectedException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final RejectionReason reason;

  RejectedException(RejectionReason reason, String detail) {
    super(detail, null, false, false);
    this.reason = reason;
  }

  EncodedRecord.Rejected rejected() {
    return new EncodedRecord.Rejected(reason, getMessage());
  }
}

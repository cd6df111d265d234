package dev.firesteel.scaling;

/** A fit of how a compute budget is best divided. */
interface AllocationFit {
  /** {@code N* = k C^a}. */
  PowerLaw parameters();

  /** {@code D* = k C^b}. */
  PowerLaw tokens();
}

package dev.firesteel.train;

/** What a rank is doing, as far as others would want to know when it fails. */
public enum RankPhase {
  /** The ranks find each other, and read the checkpoint that they go on from. */
  RENDEZVOUS("at the rendezvous"),
  /** Forward and backward passes. */
  COMPUTE("while it computed"),
  /** The last backward pass of a step, and the sums of gradients that leave during it. */
  REDUCE_SCATTER("in reduce-scatter"),
  /** New weights travel to all ranks. */
  ALL_GATHER("in all-gather"),
  EVALUATION("in an evaluation"),
  /** Files of a checkpoint are written. */
  CHECKPOINT("while it began a checkpoint");

  private final String inWords;

  RankPhase(String inWords) {
    this.inWords = inWords;
  }

  /** As part of a sentence: "rank 1 was lost in all-gather". */
  public String inWords() {
    return inWords;
  }
}

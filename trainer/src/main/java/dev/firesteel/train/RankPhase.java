package dev.firesteel.train;

/** What a rank is doing, for failure messages. */
public enum RankPhase {
  /** The ranks connect and read the checkpoint that they resume from. */
  RENDEZVOUS("at the rendezvous"),
  /** Forward and backward passes. */
  COMPUTE("while computing"),
  /** The last backward pass of a step, during which gradients are reduced. */
  REDUCE_SCATTER("in reduce-scatter"),
  /** New weights are distributed to all ranks. */
  ALL_GATHER("in all-gather"),
  EVALUATION("during an evaluation"),
  /** Files of a checkpoint are written. */
  CHECKPOINT("while starting a checkpoint");

  private final String inWords;

  RankPhase(String inWords) {
    this.inWords = inWords;
  }

  /** A phrase for messages: "rank 1 was lost in all-gather". */
  public String inWords() {
    return inWords;
  }
}

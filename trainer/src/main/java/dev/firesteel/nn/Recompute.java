package dev.firesteel.nn;

/** What backward computes again instead of keeping it: activation checkpointing. */
public enum Recompute {
  /** Nothing: all that backward reads is kept. */
  NONE,
  /** The inputs of attention: the norm, queries, keys and values. */
  ATTENTION,
  /** Each whole Transformer block but its input. */
  BLOCK
}

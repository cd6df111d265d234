package dev.firesteel.spark;

/** What the driver answers a heartbeat. */
enum Order {
  GO_ON,
  /** Checkpoint at the next step, and end. */
  STOP,
  /** Give up at once: the generation has failed, or another has begun. */
  ABORT
}

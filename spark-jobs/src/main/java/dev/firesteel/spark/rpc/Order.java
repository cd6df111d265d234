package dev.firesteel.spark.rpc;

/** What the driver answers a heartbeat. */
public enum Order {
  GO_ON,
  /** Checkpoint at the next step, and end. */
  STOP,
  /** Give up at once: the attempt has failed, or another has begun. */
  ABORT
}

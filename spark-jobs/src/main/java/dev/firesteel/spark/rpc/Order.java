package dev.firesteel.spark.rpc;

/** The driver's answer to a heartbeat. */
public enum Order {
  GO_ON,
  /** Save a checkpoint at the next step, and end. */
  STOP,
  /** Give up at once: the attempt has failed, or another has begun. */
  ABORT
}

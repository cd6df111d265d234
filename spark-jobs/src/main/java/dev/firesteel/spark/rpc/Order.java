package dev.firesteel.spark.rpc;

/** The driver's answer to a heartbeat. */
public enum Order {
  GO_ON,
  /** Save a checkpoint at the next step, and end. */
  STOP,
  /** Abort immediately: the attempt has failed, or another one has started. */
  ABORT
}

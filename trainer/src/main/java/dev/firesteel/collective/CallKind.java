package dev.firesteel.collective;

/** The calls of a {@link Collective} that transfer data. */
enum CallKind {
  REDUCE_SCATTER(1, "reduce-scatter"),
  ALL_GATHER(2, "all-gather"),
  ALL_REDUCE(3, "all-reduce"),
  ALL_GATHER_BYTES(4, "all-gather of bytes"),
  BARRIER(5, "barrier"),
  REDUCE_SCATTER_BF16(6, "reduce-scatter in bf16");

  private final int code;
  private final String text;

  CallKind(int code, String text) {
    this.code = code;
    this.text = text;
  }

  /** The code of the kind in frames. */
  int code() {
    return code;
  }

  /** Whether the call transfers an array, see {@link Transfer}. */
  boolean isTransfer() {
    return this == REDUCE_SCATTER || this == REDUCE_SCATTER_BF16 || this == ALL_GATHER;
  }

  /** For messages: the name of the kind with this code, which may have been received. */
  static String name(int code) {
    for (CallKind kind : values()) {
      if (kind.code == code) {
        return kind.text;
      }
    }
    return "call of the unknown kind " + code;
  }
}

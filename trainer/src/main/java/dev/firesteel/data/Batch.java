package dev.firesteel.data;

/**
 * Sequences for one forward pass: {@code inputs [B, T]} and, shifted by one token, {@code targets
 * [B, T]}, both row-major. B sequences of T tokens each. The arrays belong to the batch and are
 * reused.
 */
public final class Batch {
  private final int sequences;
  private final int length;
  private final int[] inputs;
  private final int[] targets;

  /** A batch of B sequences of T tokens. */
  public Batch(int sequences, int length) {
    if (sequences < 1 || length < 1) {
      throw new IllegalArgumentException(
          "a batch must have at least one sequence of one token, got ["
              + sequences
              + ", "
              + length
              + "]");
    }
    this.sequences = sequences;
    this.length = length;
    this.inputs = new int[Math.multiplyExact(sequences, length)];
    this.targets = new int[inputs.length];
  }

  /** B. */
  public int sequences() {
    return sequences;
  }

  /** T. */
  public int length() {
    return length;
  }

  /** {@code [B, T]}. */
  public int[] inputs() {
    return inputs;
  }

  /** {@code [B, T]}: {@code targets[b, t]} is the token after {@code inputs[b, t]}. */
  public int[] targets() {
    return targets;
  }

  /** Fills row {@code row} with the tokens from {@code start} on. */
  void fill(int row, TokenDataset data, long start) {
    data.read(start, inputs, row * length, length);
    System.arraycopy(inputs, row * length + 1, targets, row * length, length - 1);
    data.read(start + length, targets, row * length + length - 1, 1);
  }
}

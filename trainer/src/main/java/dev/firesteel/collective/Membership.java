package dev.firesteel.collective;

/**
 * A process's identity among the ranks of one attempt, and their shared secret. An attempt is one
 * start of a run: processes left over from an earlier one have another number and secret.
 */
public final class Membership {
  /** The minimum length of a secret, in bytes. */
  public static final int SECRET_BYTES = 32;

  private final long attempt;
  private final int rank;
  private final int worldSize;
  private final byte[] secret;

  /**
   * @param secret at least {@link #SECRET_BYTES} random bytes, newly generated for each attempt
   */
  public Membership(long attempt, int rank, int worldSize, byte[] secret) {
    if (rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "rank must lie in 0 to %d, got %d".formatted(worldSize - 1, rank));
    }
    if (secret.length < SECRET_BYTES) {
      throw new IllegalArgumentException(
          "a secret must have %d bytes, got %d".formatted(SECRET_BYTES, secret.length));
    }
    this.attempt = attempt;
    this.rank = rank;
    this.worldSize = worldSize;
    this.secret = secret.clone();
  }

  public long attempt() {
    return attempt;
  }

  public int rank() {
    return rank;
  }

  public int worldSize() {
    return worldSize;
  }

  byte[] secret() {
    return secret.clone();
  }
}

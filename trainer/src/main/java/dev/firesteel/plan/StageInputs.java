package dev.firesteel.plan;

import java.util.OptionalLong;

/**
 * What a stage reads into memory beside the model that it trains.
 *
 * @param examples prepared examples, which are held in memory; 0 if there are none yet
 * @param exampleTokens tokens of these
 * @param rewardParameters parameters of the reward model; empty if there is none, or it is not
 *     trained yet
 */
public record StageInputs(long examples, long exampleTokens, OptionalLong rewardParameters) {
  /** Nothing is known. */
  public static final StageInputs NONE = new StageInputs(0, 0, OptionalLong.empty());

  /** An id of four bytes, and whether it is trained. */
  private static final int BYTES_OF_A_TOKEN = 5;

  /**
   * Objects around an example's arrays, and the fields of its record: measured with the pairs of
   * the tales, which have five fields.
   */
  private static final int BYTES_OF_AN_EXAMPLE = 900;

  /** Memory of the examples. */
  long exampleBytes() {
    return BYTES_OF_A_TOKEN * exampleTokens + BYTES_OF_AN_EXAMPLE * examples;
  }
}

package dev.firesteel.nn;

/** Parameter sets whose segments are cut into several arrays although one could hold them. */
public final class SmallArrays {
  private SmallArrays() {}

  /** A builder of a set with arrays of at most {@code limit} elements. */
  public static ParameterSet.Builder builder(long limit) {
    return ParameterSet.builder(limit);
  }
}

package dev.firesteel.scaling;

import java.util.Optional;
import java.util.function.Function;

/**
 * A fit, or why there is none.
 *
 * @param <T> kind of the fit
 */
public final class Outcome<T> {
  /** Makes a fit. */
  @FunctionalInterface
  interface Fitting<T> {
    T fit() throws RefusedException;
  }

  private final T fit;
  private final RefusedException refusal;

  private Outcome(T fit, RefusedException refusal) {
    this.fit = fit;
    this.refusal = refusal;
  }

  /** Tries a fit. */
  static <T> Outcome<T> of(Fitting<T> fitting) {
    try {
      return new Outcome<>(fitting.fit(), null);
    } catch (RefusedException e) {
      return new Outcome<>(null, e);
    }
  }

  /** No fit, since it was not asked for. */
  static <T> Outcome<T> none() {
    return new Outcome<>(null, null);
  }

  /** The fit, if there is one. */
  public Optional<T> fit() {
    return Optional.ofNullable(fit);
  }

  /** Why there is none; empty also where none was asked for. */
  public Optional<RefusedException> refusal() {
    return Optional.ofNullable(refusal);
  }

  /** Whether it was asked for. */
  public boolean isWanted() {
    return fit != null || refusal != null;
  }

  /** A value of the fit, if there is one. */
  <R> Optional<R> map(Function<T, R> of) {
    return fit().map(of);
  }
}

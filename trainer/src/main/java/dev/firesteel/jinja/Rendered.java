package dev.firesteel.jinja;

import java.util.BitSet;

/** What a template rendered. Immutable. */
public final class Rendered {
  private final String text;
  private final BitSet foreign;
  private final BitSet trained;

  Rendered(String text, BitSet foreign, BitSet trained) {
    this.text = text;
    this.foreign = foreign;
    this.trained = trained;
  }

  /** The whole text. */
  public String text() {
    return text;
  }

  /** Whether a character is from a {@link Typed} text. */
  public boolean isForeign(int at) {
    return foreign.get(at);
  }

  /** Whether a character was written between {@code generation} and {@code endgeneration}. */
  public boolean isTrained(int at) {
    return trained.get(at);
  }
}

package dev.firesteel.jinja;

import java.util.BitSet;

/** The text that a template writes, and which of it is trained. */
final class Output {
  private final Text.Builder built = new Text.Builder();
  private final BitSet trained = new BitSet();
  private final int limit;
  private int generations;

  Output(int limit) {
    this.limit = limit;
  }

  void write(Text text) {
    int start = built.length();
    if ((long) start + text.length() > limit) {
      throw new JinjaException(
          0, "its output is longer than the %,d characters that are allowed".formatted(limit));
    }
    built.add(text);
    if (generations > 0) {
      trained.set(start, built.length());
    }
  }

  void beginGeneration() {
    generations++;
  }

  void endGeneration() {
    generations--;
  }

  Text text() {
    return built.text();
  }

  Rendered rendered() {
    Text text = built.text();
    BitSet foreign = new BitSet();
    for (int i = 0; i < text.length(); i++) {
      foreign.set(i, text.isForeign(i));
    }
    return new Rendered(text.characters(), foreign, trained);
  }
}

package dev.firesteel.jinja;

import java.util.List;

/** A part of a template that writes. */
interface Statement {
  /** How a statement ends. */
  enum Signal {
    NEXT,
    BREAK,
    CONTINUE
  }

  /** Writes to the frame's output. */
  Signal run(Frame frame);

  /** Statements one after the other; the first signal other than {@code NEXT} ends them. */
  static Statement sequence(List<Statement> statements) {
    List<Statement> all = List.copyOf(statements);
    return frame -> {
      for (Statement each : all) {
        Signal signal = each.run(frame);
        if (signal != Signal.NEXT) {
          return signal;
        }
      }
      return Signal.NEXT;
    };
  }
}

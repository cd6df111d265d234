package dev.firesteel.array;

import java.util.ArrayList;
import java.util.List;

/** Operands do not match: the message names the op, what it requires and every shape it got. */
public final class ShapeException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /**
   * @param op the operation's name
   * @param required what must hold, such as {@code "inner dimensions must match"}
   * @param got the shapes of all operands
   */
  public ShapeException(String op, String required, Shape... got) {
    super(op + ": " + required + ", got " + join(got));
  }

  private static String join(Shape... shapes) {
    List<String> words = new ArrayList<>();
    for (Shape shape : shapes) {
      words.add(String.valueOf(shape));
    }
    return String.join(" and ", words);
  }
}

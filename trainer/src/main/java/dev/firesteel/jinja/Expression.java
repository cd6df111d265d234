package dev.firesteel.jinja;

/**
 * A part of a template that has a value: a {@link Text}, {@link Long}, {@link Double}, {@link
 * Boolean}, {@code List}, {@code Map} with such keys, {@link Values#NONE}, {@link Undefined}, or a
 * {@link Callable}.
 */
interface Expression {
  /** The value. */
  Object evaluate(Frame frame);
}

package dev.firesteel.jinja;

/** What a template can call. */
interface Callable {
  /** The result. */
  Object call(Frame frame, Arguments arguments);
}

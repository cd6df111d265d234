package dev.firesteel.jinja;

import java.util.HashMap;
import java.util.Map;

/** Variables in sight, and the rendering that they belong to. */
final class Frame {
  /** What one rendering has done, shared by its frames. */
  private static final class Work {
    final Limits limits;
    long steps;
    int depth;

    Work(Limits limits) {
      this.limits = limits;
    }
  }

  private final Frame parent;
  private final Map<String, Object> variables = new HashMap<>();
  private final Work work;
  private final Output output;

  private Frame(Frame parent, Work work, Output output) {
    this.parent = parent;
    this.work = work;
    this.output = output;
  }

  static Frame of(Map<String, Object> variables, Limits limits) {
    Frame frame = new Frame(null, new Work(limits), new Output(limits.characters()));
    frame.variables.putAll(variables);
    return frame;
  }

  /** A scope inside this one that writes to the same place. */
  Frame inner() {
    return new Frame(this, work, output);
  }

  /** A scope inside this one whose output becomes a value. */
  Frame capturing() {
    return new Frame(this, work, new Output(work.limits.characters()));
  }

  /** This scope with output of its own: assignments stay visible. */
  Text captured(Statement body) {
    Frame captured = new Frame(this, work, new Output(work.limits.characters()));
    body.run(captured);
    return captured.output.text();
  }

  Output output() {
    return output;
  }

  /** Whether output becomes a value instead of the rendered text. */
  boolean isCapturing() {
    for (Frame frame = this; frame != null; frame = frame.parent) {
      if (frame.parent == null) {
        return frame.output != output;
      }
    }
    return false;
  }

  Object get(String name) {
    for (Frame frame = this; frame != null; frame = frame.parent) {
      Object value = frame.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Undefined("'%s' is undefined".formatted(name));
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }

  void step() {
    if (++work.steps > work.limits.steps()) {
      throw new JinjaException(
          0, "it takes more than the %,d steps that are allowed".formatted(work.limits.steps()));
    }
  }

  void enter() {
    if (++work.depth > work.limits.depth()) {
      throw new JinjaException(
          0, "macros call one another more than %d deep".formatted(work.limits.depth()));
    }
  }

  void leave() {
    work.depth--;
  }

  /** The size of a text or list, if it is allowed. */
  long sized(long size) {
    if (size > work.limits.characters()) {
      throw new JinjaException(
          0,
          "a text or list of %,d elements is longer than the %,d that are allowed"
              .formatted(size, work.limits.characters()));
    }
    return size;
  }
}

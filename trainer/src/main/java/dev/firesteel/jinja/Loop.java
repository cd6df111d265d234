package dev.firesteel.jinja;

import java.util.List;

/** The variable {@code loop}. */
record Loop(List<Object> items, int index0) {
  Object attribute(String name) {
    return switch (name) {
      case "index0" -> (long) index0;
      case "index" -> (long) index0 + 1;
      case "revindex0" -> (long) items.size() - index0 - 1;
      case "revindex" -> (long) items.size() - index0;
      case "first" -> index0 == 0;
      case "last" -> index0 == items.size() - 1;
      case "length" -> (long) items.size();
      // Counts recursive loops alone, which are not supported.
      case "depth0" -> 0L;
      case "depth" -> 1L;
      case "previtem" ->
          index0 > 0 ? items.get(index0 - 1) : new Undefined("there is no previous item");
      case "nextitem" ->
          index0 + 1 < items.size()
              ? items.get(index0 + 1)
              : new Undefined("there is no next item");
      case "cycle" ->
          (Callable)
              (frame, arguments) ->
                  Operators.item(
                      arguments.positional(),
                      (long) index0 % Math.max(1, arguments.positional().size()));
      default -> new Undefined("loop has no attribute '%s'".formatted(name));
    };
  }
}

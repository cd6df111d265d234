package dev.firesteel.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The arguments of a call. */
record Arguments(String name, List<Object> positional, Map<String, Object> named) {
  static final Arguments NONE = new Arguments("", List.of(), Map.of());

  /** The arguments by the names of the parameters; those that are missing are not in it. */
  Map<String, Object> bind(String... parameters) {
    if (positional.size() > parameters.length) {
      throw new JinjaException(
          0,
          "%s takes at most %d arguments, got %d"
              .formatted(name, parameters.length, positional.size()));
    }
    Map<String, Object> bound = new LinkedHashMap<>();
    for (int i = 0; i < positional.size(); i++) {
      bound.put(parameters[i], positional.get(i));
    }
    for (Map.Entry<String, Object> each : named.entrySet()) {
      if (!List.of(parameters).contains(each.getKey()) || bound.containsKey(each.getKey())) {
        throw new JinjaException(0, "%s has no argument %s here".formatted(name, each.getKey()));
      }
      bound.put(each.getKey(), each.getValue());
    }
    return bound;
  }

  /** As {@link #bind}; the first {@code required} of them must be there. */
  Map<String, Object> bind(int required, String... parameters) {
    Map<String, Object> bound = bind(parameters);
    for (int i = 0; i < required; i++) {
      if (!bound.containsKey(parameters[i])) {
        throw new JinjaException(0, "%s needs the argument %s".formatted(name, parameters[i]));
      }
    }
    return bound;
  }
}

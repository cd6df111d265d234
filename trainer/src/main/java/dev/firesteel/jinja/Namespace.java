package dev.firesteel.jinja;

import java.util.HashMap;
import java.util.Map;

/** Attributes that a template can set from inside a loop. */
record Namespace(Map<String, Object> attributes) {
  static Namespace of(Arguments arguments) {
    Map<String, Object> attributes = new HashMap<>(arguments.named());
    for (Object map : arguments.positional()) {
      Values.map(map)
          .forEach((key, value) -> attributes.put(Values.string(key).characters(), value));
    }
    return new Namespace(attributes);
  }
}

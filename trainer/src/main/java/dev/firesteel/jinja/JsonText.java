package dev.firesteel.jinja;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Python's {@code json.dumps} with {@code ensure_ascii=False}, as transformers' filter has it. */
final class JsonText {
  private final StringBuilder json = new StringBuilder();
  private final String indent;
  private final String itemSeparator;
  private final String keySeparator;
  private final boolean sorted;
  private final boolean ascii;
  private boolean foreign;

  private JsonText(
      String indent, String itemSeparator, String keySeparator, boolean sorted, boolean ascii) {
    this.indent = indent;
    this.itemSeparator = itemSeparator;
    this.keySeparator = keySeparator;
    this.sorted = sorted;
    this.ascii = ascii;
  }

  /** The filter {@code tojson}. */
  static Text filter(Object value, Map<String, Object> options) {
    Object indent = options.getOrDefault("indent", Values.NONE);
    Object separators = options.getOrDefault("separators", Values.NONE);
    boolean plain = indent == Values.NONE;
    List<Object> pair = separators == Values.NONE ? List.of() : Values.elements(separators);
    JsonText writer =
        new JsonText(
            plain
                ? null
                : indent instanceof Text text
                    ? text.characters()
                    : " ".repeat((int) Math.max(0, Math.min(100, Values.integer(indent)))),
            pair.isEmpty() ? plain ? ", " : "," : Values.text(pair.get(0)).characters(),
            pair.isEmpty() ? ": " : Values.text(pair.get(1)).characters(),
            Values.truth(options.getOrDefault("sort_keys", false)),
            Values.truth(options.getOrDefault("ensure_ascii", false)));
    writer.write(value, 0);
    return writer.foreign ? Text.foreign(writer.json.toString()) : Text.own(writer.json.toString());
  }

  private void write(Object value, int depth) {
    if (depth > 64) {
      throw new JinjaException(0, "tojson: a value is nested more than 64 deep");
    }
    if (value instanceof Text text) {
      foreign |= text.isForeign();
      string(text.characters());
    } else if (value instanceof Boolean || value instanceof Long) {
      json.append(value);
    } else if (value instanceof Double number) {
      json.append(Values.real(number));
    } else if (value == Values.NONE) {
      json.append("null");
    } else if (value instanceof List<?> list) {
      json.append('[');
      for (int i = 0; i < list.size(); i++) {
        separate(i, depth + 1);
        write(list.get(i), depth + 1);
      }
      close(list.isEmpty(), depth, ']');
    } else if (value instanceof Map<?, ?> map) {
      json.append('{');
      int i = 0;
      for (Map.Entry<?, ?> each : (sorted ? new TreeMap<Object, Object>(map) : map).entrySet()) {
        separate(i++, depth + 1);
        string(Values.string(each.getKey()).characters());
        json.append(keySeparator);
        write(each.getValue(), depth + 1);
      }
      close(map.isEmpty(), depth, '}');
    } else {
      throw new JinjaException(0, "tojson: %s has no JSON".formatted(Values.type(value)));
    }
  }

  private void separate(int index, int depth) {
    json.append(index > 0 ? itemSeparator : "");
    line(depth);
  }

  private void close(boolean empty, int depth, char bracket) {
    if (!empty) {
      line(depth);
    }
    json.append(bracket);
  }

  private void line(int depth) {
    if (indent != null) {
      json.append('\n').append(indent.repeat(depth));
    }
  }

  private void string(String text) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char character = text.charAt(i);
      switch (character) {
        case '"' -> json.append("\\\"");
        case '\\' -> json.append("\\\\");
        case '\n' -> json.append("\\n");
        case '\r' -> json.append("\\r");
        case '\t' -> json.append("\\t");
        case '\b' -> json.append("\\b");
        case '\f' -> json.append("\\f");
        default -> {
          if (character < 32 || (ascii && character > 126)) {
            json.append("\\u%04x".formatted((int) character));
          } else {
            json.append(character);
          }
        }
      }
    }
    json.append('"');
  }
}

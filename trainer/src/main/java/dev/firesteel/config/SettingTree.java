package dev.firesteel.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The known keys of a root record: checks a YAML tree against them, with better messages than
 * Jackson's, and fills in the defaults.
 */
final class SettingTree {
  private static final ClassValue<SettingTree> ROOTS =
      new ClassValue<>() {
        @Override
        protected SettingTree computeValue(Class<?> type) {
          return new SettingTree("", type, null, Map.of());
        }
      };

  private static final char SEPARATOR = ',';
  private static final String KIND = "kind";

  private final String path;
  private final SettingTree root;

  /**
   * In the order of the record; a section's value is a tree, a key's a {@link Key}, that of
   * sections with names of the user's a {@link Named}, and that of keys of another root a {@link
   * Foreign}.
   */
  private final Map<String, Object> children = new LinkedHashMap<>();

  /**
   * One key that holds a value.
   *
   * @param type of the value, or of a list's elements
   * @param list whether the value is a list
   * @param byDefault the default in this root
   */
  record Key(String path, Class<?> type, boolean list, Setting setting, String byDefault) {
    boolean required() {
      return setting.required() && byDefault.isEmpty();
    }

    /** Whether its own default is empty: another part of the section determines it. */
    private boolean dependsOnKind() {
      return setting.byDefault().isEmpty();
    }

    /** The key with its own default. */
    private Key ofAnyRoot() {
      return new Key(path, type, list, setting, setting.byDefault());
    }

    /** The key of one element of a list. */
    Key element(int index) {
      return new Key(path + "[" + index + "]", type, false, setting, "");
    }

    /** The type as the documentation names it. */
    String typeName() {
      if (type.isEnum()) {
        String constants =
            Arrays.stream(type.getEnumConstants())
                .map(constant -> ConfigLoader.yamlName((Enum<?>) constant))
                .collect(Collectors.joining(" \\| "));
        return list ? "list of " + constants : constants;
      }
      return switch (type.getSimpleName()) {
        case "int", "long", "Integer", "Long" -> list ? "list of integers" : "integer";
        case "double", "Double" -> list ? "list of numbers" : "number";
        case "boolean", "Boolean" -> list ? "list of true \\| false" : "true \\| false";
        default -> list ? "list of strings" : "string";
      };
    }
  }

  /** Sections of one record under names that the user chooses: a {@code Map}. */
  private record Named(String path, Class<?> record) {
    SettingTree section(String name) {
      return new SettingTree(path + "." + name, record, null, Map.of());
    }
  }

  /** A section whose keys are those of another root, which checks them: a {@code JsonNode}. */
  private record Foreign(String path) {}

  /** The keys of a root record. */
  static SettingTree of(Class<? extends Record> root) {
    return ROOTS.get(root);
  }

  /** The keys of a single section's record, under its name. */
  static SettingTree of(Class<? extends Record> section, String name) {
    return new SettingTree(name, section, null, Map.of());
  }

  private SettingTree(
      String path, Class<?> record, SettingTree parentRoot, Map<String, String> inherited) {
    this.path = path;
    this.root = parentRoot == null ? this : parentRoot;
    for (RecordComponent component : record.getRecordComponents()) {
      String name = snakeCase(component.getName());
      String full = path.isEmpty() ? name : path + "." + name;
      Map<String, String> defaults = new LinkedHashMap<>(inherited);
      defaults.putAll(defaults(component, full));
      children.put(name, child(full, component, defaults));
    }
  }

  private Object child(String full, RecordComponent component, Map<String, String> defaults) {
    Class<?> type = component.getType();
    if (type.isRecord()) {
      return new SettingTree(full, type, root, defaults);
    }
    if (type == Map.class) {
      ParameterizedType map = (ParameterizedType) component.getGenericType();
      return new Named(full, (Class<?>) map.getActualTypeArguments()[1]);
    }
    return type == JsonNode.class ? new Foreign(full) : key(full, component, defaults);
  }

  private static Key key(String path, RecordComponent component, Map<String, String> defaults) {
    boolean list = component.getType() == List.class;
    Class<?> type =
        list
            ? (Class<?>)
                ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0]
            : component.getType();
    Setting setting = component.getAnnotation(Setting.class);
    return new Key(path, type, list, setting, defaults.getOrDefault(path, setting.byDefault()));
  }

  private static Map<String, String> defaults(RecordComponent component, String path) {
    Map<String, String> defaults = new LinkedHashMap<>();
    Defaults others = component.getAnnotation(Defaults.class);
    for (String each : others == null ? new String[0] : others.value()) {
      String key = each.substring(0, Math.max(0, each.indexOf('=')));
      if (!component.getType().isRecord()
          || !key.startsWith(path + ".")
          || of(component.getType().asSubclass(Record.class), path).find(key).isEmpty()) {
        throw new IllegalArgumentException(
            "@Defaults of " + path + " must set keys of that section, got " + each);
      }
      defaults.put(key, each.substring(key.length() + 1));
    }
    return defaults;
  }

  /** All keys, depth first, in the order of the records. */
  List<Key> keys() {
    List<Key> keys = new ArrayList<>();
    for (Object child : children.values()) {
      if (child instanceof SettingTree section) {
        keys.addAll(section.keys());
      } else if (child instanceof Key key) {
        keys.add(key);
      }
    }
    return keys;
  }

  private Optional<Key> find(String keyPath) {
    return keys().stream().filter(key -> key.path.equals(keyPath)).findFirst();
  }

  /** The key of a path. */
  Key key(String keyPath) {
    return find(keyPath).orElseThrow(() -> new IllegalArgumentException("no key " + keyPath));
  }

  boolean contains(String keyPath) {
    return find(keyPath).isPresent();
  }

  /** Whether the key at this path holds a string. */
  boolean isText(String keyPath) {
    return find(keyPath).filter(key -> key.type == String.class && !key.list).isPresent();
  }

  /** Whether the key at this path holds a list. */
  boolean isList(String keyPath) {
    return find(keyPath).filter(Key::list).isPresent();
  }

  /**
   * Rejects unknown keys and values of the wrong type, and converts each value to its type.
   *
   * @param texts the same tree with each scalar as the string that was written: {@code 1.10}, where
   *     YAML sees the number 1.1
   */
  void check(ObjectNode tree, JsonNode texts, String origin) {
    List<String> names = new ArrayList<>();
    tree.fieldNames().forEachRemaining(names::add);
    for (String name : names) {
      JsonNode value = tree.get(name);
      Object child = children.get(name);
      if (child == null) {
        throw unknown(name, origin);
      }
      if (child instanceof Key key && key.type == String.class && !key.list) {
        tree.set(name, typed(key, texts.path(name), origin));
        continue;
      }
      if (isAbsent(value)) {
        tree.putNull(name);
        continue;
      }
      if (child instanceof Key key && key.list) {
        JsonNode elements = key.type == String.class ? texts.path(name) : value;
        tree.set(name, list(key, elements, origin));
        continue;
      }
      if (child instanceof Key key) {
        tree.set(name, typed(key, value, origin));
      } else if (value instanceof ObjectNode object) {
        checkSection(child, object, texts.path(name), origin);
      } else {
        throw notASection(child, value, origin);
      }
    }
  }

  private static void checkSection(Object child, ObjectNode object, JsonNode texts, String origin) {
    if (child instanceof SettingTree section) {
      section.check(object, texts, origin);
    } else if (child instanceof Named named) {
      object
          .fieldNames()
          .forEachRemaining(
              name -> {
                SettingTree section = named.section(name);
                if (!(object.get(name) instanceof ObjectNode keys)) {
                  throw notASection(section, object.get(name), origin);
                }
                section.check(keys, texts.path(name), origin);
              });
    }
  }

  private static UserException notASection(Object child, JsonNode got, String origin) {
    String path;
    String keys;
    if (child instanceof SettingTree section) {
      path = section.path;
      keys = "keys (" + String.join(", ", section.children.keySet()) + ")";
    } else {
      path = child instanceof Named named ? named.path : ((Foreign) child).path;
      keys = child instanceof Named ? "a section under each name" : "keys";
    }
    return UserException.usage(
        "%s must be a section with %s, got %s in %s".formatted(path, keys, describe(got), origin));
  }

  /** A key without a value is null or, as Jackson reads some of them, an empty string. */
  private static boolean isAbsent(JsonNode value) {
    return value.isNull() || (value.isTextual() && value.asText().isEmpty());
  }

  /**
   * Fills in the default of each key that is not given. Where a section is given another kind than
   * this root's, such as another optimizer, keys whose own default depends on the kind have that
   * one, not this root's.
   */
  void complete(ObjectNode tree) {
    boolean otherKind = isOtherKind(tree.get(KIND));
    children.forEach(
        (name, child) -> {
          JsonNode given = tree.get(name);
          boolean absent = given == null || given.isNull();
          if (child instanceof SettingTree section) {
            section.complete(absent ? tree.putObject(name) : (ObjectNode) given);
          } else if (child instanceof Named named) {
            ObjectNode sections = absent ? tree.putObject(name) : (ObjectNode) given;
            sections
                .fieldNames()
                .forEachRemaining(
                    one -> named.section(one).complete((ObjectNode) sections.get(one)));
          } else if (absent) {
            tree.set(
                name,
                child instanceof Key key
                    ? defaultOf(otherKind && key.dependsOnKind() ? key.ofAnyRoot() : key)
                    : JsonNodeFactory.instance.objectNode());
          }
        });
  }

  private boolean isOtherKind(JsonNode given) {
    return children.get(KIND) instanceof Key kind
        && given != null
        && !given.isNull()
        && !given.asText().equals(kind.byDefault);
  }

  private static JsonNode defaultOf(Key key) {
    if (key.required()) {
      throw UserException.usage(
          "%s is required and was not given: add it to the configuration file or the command line (%s=...)"
              .formatted(key.path, key.path));
    }
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    String value = key.byDefault;
    if (key.list) {
      return value.isEmpty()
          ? nodes.arrayNode()
          : list(key, elements(key.path, value, "the defaults"), "the defaults");
    }
    if (value.isEmpty() && key.type != String.class) {
      return nodes.nullNode();
    }
    return typed(key, nodes.textNode(value), "the defaults");
  }

  /** The elements of a comma-separated list. */
  static ArrayNode elements(String keyPath, String text, String origin) {
    ArrayNode elements = JsonNodeFactory.instance.arrayNode();
    int from = 0;
    while (from <= text.length()) {
      int to = text.indexOf(SEPARATOR, from);
      to = to < 0 ? text.length() : to;
      String element = text.substring(from, to).strip();
      if (element.isEmpty()) {
        throw UserException.usage(
            "%s must be a list as a,b or [a, b], got \"%s\" with an empty element in %s"
                .formatted(keyPath, text, origin));
      }
      elements.add(element);
      from = to + 1;
    }
    return elements;
  }

  private static ArrayNode list(Key key, JsonNode value, String origin) {
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    if (value.isObject()) {
      throw wrongType(key, "a list", value, origin);
    }
    if (!value.isArray()) {
      return list.add(typed(key.element(0), value, origin));
    }
    for (JsonNode element : value) {
      list.add(typed(key.element(list.size()), element, origin));
    }
    return list;
  }

  private static JsonNode typed(Key key, JsonNode value, String origin) {
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    Class<?> type = key.type;
    String text = value.isValueNode() ? value.asText() : null;
    if (type.isEnum()) {
      if (text != null) {
        for (Object constant : type.getEnumConstants()) {
          if (ConfigLoader.yamlName((Enum<?>) constant).equals(text)) {
            return nodes.textNode(text);
          }
        }
      }
      String known =
          Arrays.stream(type.getEnumConstants())
              .map(constant -> ConfigLoader.yamlName((Enum<?>) constant))
              .collect(Collectors.joining(", "));
      throw wrongType(key, "one of " + known, value, origin);
    }
    if (type == String.class) {
      if (text == null) {
        throw wrongType(key, "a string", value, origin);
      }
      return nodes.textNode(text);
    }
    if (type == boolean.class || type == Boolean.class) {
      if ("true".equals(text) || "false".equals(text)) {
        return nodes.booleanNode("true".equals(text));
      }
      throw wrongType(key, "true or false", value, origin);
    }
    Optional<BigDecimal> number = number(value);
    if (type == double.class || type == Double.class) {
      return nodes.numberNode(
          number.orElseThrow(() -> wrongType(key, "a number", value, origin)).doubleValue());
    }
    boolean small = type == int.class || type == Integer.class;
    BigDecimal least = BigDecimal.valueOf(small ? Integer.MIN_VALUE : Long.MIN_VALUE);
    BigDecimal most = BigDecimal.valueOf(small ? Integer.MAX_VALUE : Long.MAX_VALUE);
    return number
        .filter(n -> n.stripTrailingZeros().scale() <= 0)
        .filter(n -> n.compareTo(least) >= 0 && n.compareTo(most) <= 0)
        .map(n -> nodes.numberNode(n.longValueExact()))
        .orElseThrow(() -> wrongType(key, "an integer up to " + most, value, origin));
  }

  /**
   * The value as a number. YAML 1.1 reads {@code 1e-3} as a string, because it has no dot; everyone
   * else reads it as a number.
   */
  private static Optional<BigDecimal> number(JsonNode value) {
    if (value.isNumber()) {
      // NaN and infinities are valid YAML numbers, but no key accepts them.
      return Double.isFinite(value.doubleValue())
          ? Optional.of(value.decimalValue())
          : Optional.empty();
    }
    if (!value.isTextual()) {
      return Optional.empty();
    }
    try {
      return Optional.of(new BigDecimal(value.asText().replace("_", "")));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  private static UserException wrongType(Key key, String required, JsonNode got, String origin) {
    return UserException.usage(
        "%s must be %s, got %s in %s".formatted(key.path, required, describe(got), origin));
  }

  /** A value as shown in messages. */
  static String describe(JsonNode value) {
    if (value.isObject()) {
      return "a section";
    }
    if (value.isArray()) {
      return "a list";
    }
    return value.isTextual() ? "\"" + value.asText() + "\"" : value.asText();
  }

  private UserException unknown(String name, String origin) {
    String full = path.isEmpty() ? name : path + "." + name;
    if (name.contains(".")) {
      return dotted(full, origin);
    }
    String hint =
        nearest(name)
            .map(known -> "did you mean \"" + known + "\"?")
            .orElseGet(() -> "the keys here are " + String.join(", ", children.keySet()));
    return UserException.usage("unknown key \"%s\" in %s: %s".formatted(full, origin, hint));
  }

  /** Command-line notation used in YAML, where keys are nested under their section. */
  private UserException dotted(String full, String origin) {
    String known =
        NearestName.of(
                full, root.keys().stream().map(Key::path).filter(p -> p.contains(".")).toList())
            .orElseGet(this::anyKey);
    int dot = known.indexOf('.');
    return UserException.usage(
        "unknown key \"%s\" in %s: in YAML, keys are nested under their section, as in \"%s: {%s: ...}\"; key.path=value is for the command line"
            .formatted(full, origin, known.substring(0, dot), known.substring(dot + 1)));
  }

  /** A key of a section for an example: the first required one, or else the first. */
  private String anyKey() {
    List<Key> keys = root.keys().stream().filter(key -> key.path.contains(".")).toList();
    return keys.stream().filter(Key::required).findFirst().orElseGet(() -> keys.get(0)).path;
  }

  /** The most similar key: in this section first, then in all sections. */
  private Optional<String> nearest(String name) {
    Optional<String> here = NearestName.of(name, List.copyOf(children.keySet()));
    if (here.isPresent()) {
      return here.map(known -> path.isEmpty() ? known : path + "." + known);
    }
    Map<String, String> byName = new LinkedHashMap<>();
    for (Key key : root.keys()) {
      byName.putIfAbsent(key.path.substring(key.path.lastIndexOf('.') + 1), key.path);
    }
    return NearestName.of(name, List.copyOf(byName.keySet())).map(byName::get);
  }

  private static String snakeCase(String name) {
    return name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
  }
}

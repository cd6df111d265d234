package dev.firesteel.config;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reads and writes configurations. Each kind of run has a root record, which callers pass in; its
 * components are sections (records) and keys.
 *
 * <p>Precedence, lowest first: the defaults ({@link Setting}, {@link Defaults}), the file, the
 * overrides {@code key.path=value} from left to right. An override's value is read as YAML, except
 * that a string key's value is taken literally unless it begins with a quote, and a list's value
 * may be comma-separated elements without brackets. A key without a value ({@code bias:}) counts as
 * not given. String keys keep the value as written, even where YAML would read a number, a boolean
 * or null ({@code 1.10}, {@code no}, {@code ~}). A scalar where a list is required becomes a list
 * of one element.
 *
 * <p>Every error is a {@link UserException} with a one-line message: an unknown key, with the
 * closest known one; a value of the wrong type; a missing required key; a value out of range; and
 * invalid YAML, with its line and column.
 */
public final class ConfigLoader {
  private static final String COMMAND_LINE = "the command line";
  private static final String NAME = "name";

  private static final ObjectMapper YAML =
      YAMLMapper.builder(
              YAMLFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                  .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                  .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
                  .build())
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          // Jackson lower-cases by the JVM's locale: in Turkish, FILE becomes
          // f\u0131le.
          .addModule(new SimpleModule().addSerializer(new EnumNames()))
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private ConfigLoader() {}

  /** YAML as values, and again with each scalar as written. */
  private record Scanned(JsonNode values, JsonNode texts) {}

  /** The keys of a section, and again with each scalar as written. */
  record Parsed(ObjectNode values, JsonNode texts) {
    static Parsed empty() {
      return new Parsed(YAML.createObjectNode(), YAML.createObjectNode());
    }

    void put(String key, String value) {
      values.put(key, value);
      ((ObjectNode) texts).put(key, value);
    }

    /** Adds the keys of another tree, which replace those that are there. */
    void merge(Parsed more) {
      ConfigLoader.merge(values, more.values);
      ConfigLoader.merge((ObjectNode) texts, (ObjectNode) more.texts);
    }
  }

  private static final class EnumNames extends StdSerializer<Enum<?>> {
    private static final long serialVersionUID = 1L;

    EnumNames() {
      super(Enum.class, false);
    }

    @Override
    public void serialize(Enum<?> constant, JsonGenerator yaml, SerializerProvider unused)
        throws IOException {
      yaml.writeString(yamlName(constant));
    }
  }

  /** The configuration given by overrides alone, on top of the defaults. */
  public static <T extends Record> T load(Class<T> root, List<String> overrides) {
    return draft(root, overrides).resolve();
  }

  /** The configuration given by a file and overrides, on top of the defaults. */
  public static <T extends Record> T load(Class<T> root, Path file, List<String> overrides) {
    return draft(root, file, overrides).resolve();
  }

  /** The configuration given by YAML, on top of the defaults; {@code origin} names its source. */
  public static <T extends Record> T parse(
      Class<T> root, String yaml, String origin, List<String> overrides) {
    SettingTree tree = SettingTree.of(root);
    return draft(root, tree, parse(tree, yaml, origin), overrides).resolve();
  }

  /**
   * One section of a configuration of any root, with the defaults of its record; empty if the YAML
   * has no such section.
   *
   * @param origin name of the YAML's source, for messages
   */
  public static <T extends Record> Optional<T> parseSection(
      Class<T> section, String name, String yaml, String origin) {
    Scanned parsed = parseTrees(yaml, origin);
    if (!(parsed.values.path(name) instanceof ObjectNode keys)) {
      return Optional.empty();
    }
    SettingTree tree = SettingTree.of(section, name);
    tree.check(keys, parsed.texts.path(name), origin);
    tree.complete(keys);
    return Optional.of(bind(section, keys));
  }

  /** The keys set by overrides. */
  public static <T extends Record> ConfigDraft<T> draft(Class<T> root, List<String> overrides) {
    return draft(root, SettingTree.of(root), YAML.createObjectNode(), overrides);
  }

  /** The keys set by a file and overrides. */
  public static <T extends Record> ConfigDraft<T> draft(
      Class<T> root, Path file, List<String> overrides) {
    SettingTree tree = SettingTree.of(root);
    ObjectNode given = parse(tree, read(file), file.toString());
    if (tree.contains(NAME) && !given.hasNonNull(NAME)) {
      given.put(NAME, stem(file));
    }
    return draft(root, tree, given, overrides);
  }

  /**
   * The keys set by a file, by further keys and by overrides, each winning over those before.
   *
   * @param file null for none
   * @param origin of the further keys, for messages
   */
  static <T extends Record> ConfigDraft<T> draft(
      Class<T> root, Path file, Parsed keys, String origin, List<String> overrides) {
    SettingTree tree = SettingTree.of(root);
    ObjectNode given =
        file == null ? YAML.createObjectNode() : parse(tree, read(file), file.toString());
    tree.check(keys.values, keys.texts, origin);
    merge(given, keys.values);
    return draft(root, tree, given, overrides);
  }

  private static <T extends Record> ConfigDraft<T> draft(
      Class<T> root, SettingTree tree, ObjectNode given, List<String> overrides) {
    for (String override : overrides) {
      merge(given, overrideTree(tree, override).values());
    }
    return new ConfigDraft<>(root, tree, given);
  }

  /**
   * All keys with their resolved values; {@link #parse} of the result gives an equal configuration.
   */
  public static String toYaml(StageConfig config) {
    return yaml(config);
  }

  /**
   * The keys of a configuration file of any version and root with their values as written, in their
   * order. Nothing is checked, and no default is added.
   *
   * @param origin name of the YAML's source, for messages
   * @throws UserException if it is not YAML with keys
   */
  public static Map<String, String> keys(String yaml, String origin) {
    Map<String, String> keys = new LinkedHashMap<>();
    flatten("", parse(yaml, origin).texts, keys);
    return keys;
  }

  private static void flatten(String path, JsonNode value, Map<String, String> into) {
    if (value.isObject()) {
      value
          .properties()
          .forEach(
              key ->
                  flatten(
                      path.isEmpty() ? key.getKey() : path + "." + key.getKey(),
                      key.getValue(),
                      into));
    } else if (value.isArray()) {
      List<String> elements = new ArrayList<>();
      value.forEach(
          element -> elements.add(element.isValueNode() ? element.asText() : element.toString()));
      into.put(path, String.join(", ", elements));
    } else {
      into.put(path, value.asText());
    }
  }

  /** The same configuration with further overrides, {@code key.path=value}. */
  public static StageConfig with(StageConfig config, String... overrides) {
    return (StageConfig)
        parse(
            config.getClass().asSubclass(Record.class),
            toYaml(config),
            "the configuration",
            List.of(overrides));
  }

  /** SHA-256 of {@link #toYaml}, in hexadecimal: equal where every key is equal. */
  public static String contentHash(StageConfig config) {
    return hash(config);
  }

  /** All keys with their resolved values, in the order of the records. */
  public static List<ConfigEntry> entries(StageConfig config) {
    ObjectNode values = tree(config);
    return SettingTree.of(config.getClass().asSubclass(Record.class)).keys().stream()
        .map(
            key -> {
              JsonNode value = values.at("/" + key.path().replace('.', '/'));
              return new ConfigEntry(
                  key.path(),
                  value.isValueNode() ? value.asText() : value.toString(),
                  key.setting().resume());
            })
        .toList();
  }

  /** A record as the tree of its keys. */
  static ObjectNode tree(Object record) {
    return YAML.valueToTree(record);
  }

  static String hash(Object settings) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256")
                  .digest(yaml(settings).getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  private static String yaml(Object settings) {
    try {
      return YAML.writeValueAsString(settings);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /** An enum constant as YAML writes it. */
  static String yamlName(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /** Binds a checked and complete tree to its record. */
  static <T extends Record> T bind(Class<T> root, ObjectNode tree) {
    try {
      return YAML.treeToValue(tree, root);
    } catch (JsonMappingException e) {
      if (e.getCause() instanceof UserException mistake) {
        throw mistake;
      }
      throw new AssertionError("the tree was checked against the records", e);
    } catch (JsonProcessingException e) {
      throw new AssertionError("the tree was checked against the records", e);
    }
  }

  /** The one key that an override sets. */
  static Parsed overrideTree(SettingTree tree, String override) {
    int equals = override.indexOf('=');
    if (equals <= 0) {
      throw UserException.usage(
          "an override must have the form key.path=value, got \"" + override + "\"");
    }
    String path = override.substring(0, equals).trim();
    Scanned parsed = overrideValue(tree, path, override.substring(equals + 1));
    Parsed given = new Parsed(nested(path, parsed.values), nested(path, parsed.texts));
    tree.check(given.values, given.texts, COMMAND_LINE);
    return given;
  }

  private static Scanned overrideValue(SettingTree tree, String path, String value) {
    if (!isQuoted(value)) {
      if (tree.isText(path)) {
        return plain(value.strip());
      }
      if (tree.isList(path) && !value.isBlank() && !value.strip().startsWith("[")) {
        ArrayNode elements = SettingTree.elements(path, value, COMMAND_LINE);
        return new Scanned(elements, elements);
      }
    }
    return parseTrees(value, "the value of " + path + " in " + COMMAND_LINE);
  }

  /** A prompt may begin with what YAML reads as a comment, a list or an alias. */
  private static Scanned plain(String text) {
    JsonNode node = YAML.getNodeFactory().textNode(text);
    return new Scanned(node, node);
  }

  private static boolean isQuoted(String value) {
    return value.stripLeading().startsWith("\"") || value.stripLeading().startsWith("'");
  }

  private static ObjectNode nested(String path, JsonNode value) {
    String[] names = path.split("\\.", -1);
    ObjectNode root = YAML.createObjectNode();
    ObjectNode node = root;
    for (int i = 0; i < names.length - 1; i++) {
      node = node.putObject(names[i]);
    }
    node.set(names[names.length - 1], value);
    return root;
  }

  private static void merge(ObjectNode into, ObjectNode from) {
    from.properties()
        .forEach(
            entry -> {
              JsonNode old = into.get(entry.getKey());
              if (old instanceof ObjectNode section
                  && entry.getValue() instanceof ObjectNode more) {
                merge(section, more);
              } else {
                into.set(entry.getKey(), entry.getValue());
              }
            });
  }

  private static ObjectNode parse(SettingTree tree, String yaml, String origin) {
    Parsed parsed = parse(yaml, origin);
    tree.check(parsed.values, parsed.texts, origin);
    return parsed.values;
  }

  /** The keys of a file, not checked yet. */
  static Parsed parse(Path file) {
    return parse(read(file), file.toString());
  }

  private static Parsed parse(String yaml, String origin) {
    Scanned parsed = parseTrees(yaml, origin);
    if (parsed.values.isNull()) {
      return Parsed.empty();
    }
    if (parsed.values instanceof ObjectNode object) {
      return new Parsed(object, parsed.texts);
    }
    throw UserException.usage(
        origin
            + " must hold keys with values (key: value), got "
            + SettingTree.describe(parsed.values));
  }

  private static Scanned parseTrees(String yaml, String origin) {
    try (JsonParser parser = YAML.getFactory().createParser(yaml)) {
      JsonNode values = YAML.readTree(yaml);
      // Jackson reads an empty string as a missing node; here, as in YAML, it is null.
      return values.isMissingNode()
          ? new Scanned(YAML.nullNode(), YAML.nullNode())
          : new Scanned(values, texts(parser, parser.nextToken()));
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where =
          at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw UserException.usage(
          origin + " is not valid YAML" + where + ": " + firstLine(e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory", e);
    }
  }

  /** The value at a token; scalars are strings as written, without quotes. */
  private static JsonNode texts(JsonParser parser, JsonToken token) throws IOException {
    if (token == JsonToken.START_OBJECT) {
      ObjectNode object = YAML.createObjectNode();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        object.set(name, texts(parser, parser.nextToken()));
      }
      return object;
    }
    if (token == JsonToken.START_ARRAY) {
      ArrayNode array = YAML.createArrayNode();
      for (JsonToken next = parser.nextToken();
          next != JsonToken.END_ARRAY;
          next = parser.nextToken()) {
        array.add(texts(parser, next));
      }
      return array;
    }
    return YAML.getNodeFactory().textNode(parser.getText());
  }

  private static String firstLine(String message) {
    return message.lines().findFirst().orElse("cannot be parsed").strip();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw UserException.usage(
          "configuration file " + file + " does not exist: give the path of a YAML file", e);
    } catch (AccessDeniedException e) {
      throw UserException.usage(
          "configuration file " + file + " cannot be read: permission denied", e);
    } catch (MalformedInputException e) {
      throw UserException.usage(
          "configuration file " + file + " must be UTF-8 text, got other bytes", e);
    } catch (IOException e) {
      throw UserException.usage(
          "configuration file " + file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** The name of a file without its extension. */
  static String stem(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }
}

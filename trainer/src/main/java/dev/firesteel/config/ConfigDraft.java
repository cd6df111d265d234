package dev.firesteel.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The keys that a user gave, each checked on its own, before defaults fill in the rest. Another
 * source of values, such as the model that training starts from, may still add to them.
 *
 * @param <T> the root record
 */
public final class ConfigDraft<T extends Record> {
  private final Class<T> root;
  private final SettingTree tree;
  private final ObjectNode given;

  ConfigDraft(Class<T> root, SettingTree tree, ObjectNode given) {
    this.root = root;
    this.tree = tree;
    this.given = given;
  }

  /** This draft, if it is of a root. */
  @SuppressWarnings("unchecked") // The class is compared.
  public <R extends Record> Optional<ConfigDraft<R>> as(Class<R> of) {
    return root == of ? Optional.of((ConfigDraft<R>) this) : Optional.empty();
  }

  /** The root record. */
  public Class<T> root() {
    return root;
  }

  /** The value given for a scalar key, as text. */
  public Optional<String> given(String path) {
    JsonNode value = node(path);
    return value.isValueNode() && !value.isNull() ? Optional.of(value.asText()) : Optional.empty();
  }

  /** The value given for a scalar key, or else its default, as text. */
  public String value(String path) {
    return given(path)
        .filter(value -> !value.isEmpty())
        .orElseGet(() -> tree.key(path).byDefault());
  }

  /** A constant as {@link #given} returns it. */
  public static String text(Enum<?> constant) {
    return ConfigLoader.yamlName(constant);
  }

  /** An independent copy. */
  public ConfigDraft<T> copy() {
    return new ConfigDraft<>(root, tree, given.deepCopy());
  }

  /** Sets all keys of a section to the values of a record, replacing existing ones. */
  public void set(String section, Record values) {
    section(section).setAll(ConfigLoader.tree(values));
  }

  /** Sets a key outside sections, replacing an existing value. */
  public void put(String key, String value) {
    given.put(key, value);
  }

  /** Sets a key of a section, replacing an existing value. */
  public void put(String section, String key, String value) {
    section(section).put(key, value);
  }

  /**
   * Sets the keys of a section to the values of a record. Given values are kept for {@code free}
   * keys and must equal the record's for all others; 0 and an empty string count as not given where
   * they are the default ("to be derived").
   *
   * @param owner owner of the values, for the message
   * @throws UserException naming the first key whose given value differs
   */
  public void require(String section, Record values, Set<String> free, String owner) {
    require(section, section(section), ConfigLoader.tree(values), free, owner);
  }

  private void require(
      String path, ObjectNode keys, ObjectNode values, Set<String> free, String owner) {
    for (Map.Entry<String, JsonNode> entry : values.properties()) {
      String key = entry.getKey();
      String full = path + "." + key;
      if (entry.getValue() instanceof ObjectNode inner) {
        ObjectNode mine = keys.get(key) instanceof ObjectNode given ? given : keys.putObject(key);
        require(full, mine, inner, free, owner);
        continue;
      }
      Optional<String> mine = given(full).filter(value -> !isDerived(full, value));
      if (mine.isPresent() && free.contains(key)) {
        continue;
      }
      if (mine.isPresent() && !mine.get().equals(entry.getValue().asText())) {
        throw UserException.usage(
            "%s must be %s as in %s, got %s: leave it out"
                .formatted(full, entry.getValue().asText(), owner, mine.get()));
      }
      keys.set(key, entry.getValue());
    }
  }

  private boolean isDerived(String path, String value) {
    return value.isEmpty() || (value.equals("0") && tree.key(path).byDefault().equals("0"));
  }

  /** The configuration, with defaults for all keys without a value. */
  public T resolve() {
    ObjectNode complete = given.deepCopy();
    tree.complete(complete);
    return ConfigLoader.bind(root, complete);
  }

  private JsonNode node(String path) {
    return given.at("/" + path.replace('.', '/'));
  }

  private ObjectNode section(String name) {
    return given.get(name) instanceof ObjectNode section ? section : given.putObject(name);
  }
}

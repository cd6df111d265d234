package dev.firesteel.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.util.Optional;
import java.util.Set;

/**
 * The keys that a user gave, checked one by one, before the defaults fill in the rest: what another
 * source of values, such as a model that training starts from, may still add to.
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

  /** The value that was given for a scalar key, as text. */
  public Optional<String> given(String path) {
    JsonNode value = node(path);
    return value.isValueNode() && !value.isNull() ? Optional.of(value.asText()) : Optional.empty();
  }

  /** The value that was given for a scalar key, or else its default, as text. */
  public String value(String path) {
    return given(path)
        .filter(value -> !value.isEmpty())
        .orElseGet(() -> tree.key(path).byDefault());
  }

  /** A constant as {@link #given} has it. */
  public static String text(Enum<?> constant) {
    return ConfigLoader.yamlName(constant);
  }

  /** The same keys; changes of one are no changes of the other. */
  public ConfigDraft<T> copy() {
    return new ConfigDraft<>(root, tree, given.deepCopy());
  }

  /** Gives all keys of a section the values of a record, instead of those that they have. */
  public void set(String section, Record values) {
    section(section).setAll(ConfigLoader.tree(values));
  }

  /** Gives a key of a section a value, instead of the one that it has. */
  public void put(String section, String key, String value) {
    section(section).put(key, value);
  }

  /**
   * Gives the keys of a section the values of a record. What was given stays for {@code free} keys
   * and must be the record's for all others; 0 and an empty text where they are the default, "to be
   * derived", count as not given.
   *
   * @param owner of the values, for the message
   * @throws UserException that names the first key which was given another value
   */
  public void require(String section, Record values, Set<String> free, String owner) {
    ObjectNode keys = section(section);
    ConfigLoader.tree(values)
        .properties()
        .forEach(
            entry -> {
              String path = section + "." + entry.getKey();
              Optional<String> mine = given(path).filter(value -> !isDerived(path, value));
              if (mine.isPresent() && free.contains(entry.getKey())) {
                return;
              }
              if (mine.isPresent() && !mine.get().equals(entry.getValue().asText())) {
                throw UserException.usage(
                    "%s must be %s as in %s, got %s: leave it out"
                        .formatted(path, entry.getValue().asText(), owner, mine.get()));
              }
              keys.set(entry.getKey(), entry.getValue());
            });
  }

  private boolean isDerived(String path, String value) {
    return value.isEmpty() || (value.equals("0") && tree.key(path).byDefault().equals("0"));
  }

  /** The configuration, with the defaults for all keys that have no value. */
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

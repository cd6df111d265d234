package dev.firesteel.inspect;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What a file or folder holds: facts, tables, and checks that passed or failed. */
public final class Inspection {
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private final String path;
  private final String kind;
  private final List<Fact> facts = new ArrayList<>();
  private final List<Table> tables = new ArrayList<>();
  private final List<Check> checks = new ArrayList<>();

  Inspection(String path, String kind) {
    this.path = path;
    this.kind = kind;
  }

  Inspection fact(String name, Object value) {
    facts.add(new Fact(name, value));
    return this;
  }

  Inspection table(Table table) {
    tables.add(table);
    return this;
  }

  Inspection check(String name, boolean passed, String detail) {
    checks.add(new Check(name, passed, detail));
    return this;
  }

  /** What was inspected. */
  public String path() {
    return path;
  }

  /** What it is, in words: {@code safetensors file}. */
  public String kind() {
    return kind;
  }

  /** What it says of itself. */
  public List<Fact> facts() {
    return Collections.unmodifiableList(facts);
  }

  /** Its tables, such as that of its tensors. */
  public List<Table> tables() {
    return Collections.unmodifiableList(tables);
  }

  /** What was checked. */
  public List<Check> checks() {
    return Collections.unmodifiableList(checks);
  }

  /** Whether every check passed. */
  public boolean passed() {
    return checks.stream().allMatch(Check::passed);
  }

  /**
   * One JSON object: {@code path}, {@code kind}, {@code passed}, {@code facts} (an object), {@code
   * tables} (an object of lists of objects) and {@code checks} (a list of objects). A number that
   * is not finite is null.
   */
  public String toJson() {
    ObjectNode root = JSON.createObjectNode();
    root.put("path", path).put("kind", kind).put("passed", passed());
    ObjectNode ofFacts = root.putObject("facts");
    facts.forEach(fact -> put(ofFacts, fact.name(), fact.value()));
    ObjectNode ofTables = root.putObject("tables");
    for (Table table : tables) {
      ArrayNode rows = ofTables.putArray(key(table.title()));
      for (List<Object> cells : table.rows()) {
        ObjectNode row = rows.addObject();
        for (int i = 0; i < cells.size(); i++) {
          put(row, table.header().get(i), cells.get(i));
        }
      }
    }
    ArrayNode ofChecks = root.putArray("checks");
    for (Check check : checks) {
      ofChecks
          .addObject()
          .put("name", check.name())
          .put("passed", check.passed())
          .put("detail", check.detail());
    }
    try {
      return JSON.writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree of plain values can be written", e);
    }
  }

  private static void put(ObjectNode node, String name, Object value) {
    Object written = value instanceof Double number && !Double.isFinite(number) ? null : value;
    node.set(key(name), JSON.valueToTree(written));
  }

  private static String key(String name) {
    return name.replace(' ', '_');
  }
}

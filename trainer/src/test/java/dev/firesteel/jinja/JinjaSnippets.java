package dev.firesteel.jinja;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Compares the snippets of a file that {@code chat_templates.py} wrote with our own rendering. */
public final class JinjaSnippets {
  private JinjaSnippets() {}

  /** One line for each snippet that renders otherwise. */
  public static List<String> differences(JsonNode goldens) {
    Map<String, Object> variables = new HashMap<>();
    goldens
        .path("variables")
        .properties()
        .forEach(each -> variables.put(each.getKey(), each.getValue().textValue()));
    variables.put(
        "messages", new ObjectMapper().convertValue(goldens.path("messages"), List.class));
    variables.put("add_generation_prompt", true);
    variables.put("tools", null);
    variables.put("documents", null);
    List<String> differences = new ArrayList<>();
    for (JsonNode snippet : goldens.path("snippets")) {
      String source = snippet.path("template").textValue();
      String wanted = snippet.path("text").textValue();
      String got;
      String reason = "";
      try {
        got = Template.parse(source).render(variables, Limits.DEFAULT).text();
      } catch (JinjaException e) {
        got = null;
        reason = " (" + e.getMessage() + ")";
      }
      if (wanted == null ? got != null : !wanted.equals(got)) {
        differences.add("%s%n  wanted %s%n  got %s%s".formatted(source, wanted, got, reason));
      }
    }
    return differences;
  }
}

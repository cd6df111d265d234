package dev.firesteel.example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.chat.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** The fields of a record: those that are taken are not among the rest. */
final class RecordFields {
  private final ObjectNode rest;

  /** Renames first; a name that the record lacks leaves the field as it is. */
  RecordFields(JsonNode json, Map<String, String> names) {
    if (!json.isObject()) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "a record must be an object with fields, got " + described(json));
    }
    ObjectNode renamed = JsonNodeFactory.instance.objectNode();
    json.properties()
        .forEach(
            field -> {
              if (!names.containsValue(field.getKey())) {
                renamed.set(field.getKey(), field.getValue());
              }
            });
    names.forEach(
        (field, name) -> {
          if (json.has(name)) {
            renamed.set(field, json.get(name));
          }
        });
    this.rest = renamed;
  }

  /** What was not taken. */
  ObjectNode rest() {
    return rest;
  }

  /** Whether a field is there and not null. */
  boolean has(String name) {
    return rest.hasNonNull(name);
  }

  /** A field that must be there. */
  JsonNode take(String name) {
    if (!has(name)) {
      StringJoiner present = new StringJoiner(", ");
      rest.fieldNames().forEachRemaining(present::add);
      throw new RejectedException(
          RejectionReason.MISSING_FIELD,
          "the record must have the field %s, got %s"
              .formatted(name, rest.has(name) ? "null" : rest.isEmpty() ? "none" : present));
    }
    return rest.remove(name);
  }

  /** A string that must be there. */
  String text(String name) {
    return text(name, take(name));
  }

  /** A string, empty where there is none. */
  String optionalText(String name) {
    return has(name) ? text(name) : "";
  }

  static String text(String name, JsonNode value) {
    if (!value.isTextual()) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "%s must be a string, got %s".formatted(name, described(value)));
    }
    return value.textValue();
  }

  /** A list of turns with {@code role} and {@code content}. */
  static List<Message> messages(String name, JsonNode value) {
    return turns(name, value, "role", "content");
  }

  /** A list of turns, checked. */
  static List<Message> turns(String name, JsonNode value, String roleKey, String contentKey) {
    if (!value.isArray()) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "%s must be a list of turns, got %s".formatted(name, described(value)));
    }
    List<Message> messages = new ArrayList<>();
    for (JsonNode turn : value) {
      if (!turn.isObject() || !turn.hasNonNull(roleKey) || !turn.hasNonNull(contentKey)) {
        throw new RejectedException(
            turn.isObject() ? RejectionReason.MISSING_FIELD : RejectionReason.WRONG_TYPE,
            "turn %d of %s must have %s and %s, got %s"
                .formatted(messages.size() + 1, name, roleKey, contentKey, described(turn)));
      }
      String role = text(roleKey, turn.get(roleKey)).strip().toLowerCase(Locale.ROOT);
      String content = content(name, turn.get(contentKey));
      messages.add(new Message(role(name, messages.size() + 1, role), content));
    }
    return messages;
  }

  private static String role(String name, int turn, String role) {
    return switch (role) {
      case "system" -> Message.SYSTEM;
      case "user", "human" -> Message.USER;
      case "assistant", "gpt" -> Message.ASSISTANT;
      default ->
          throw new RejectedException(
              RejectionReason.UNKNOWN_ROLE,
              "the role of turn %d of %s must be system, user (human) or assistant (gpt), got %s"
                  .formatted(turn, name, role));
    };
  }

  /** A string, or a list of parts of the type text. */
  private static String content(String name, JsonNode value) {
    if (!value.isArray()) {
      return text("the text of a turn of " + name, value);
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : value) {
      if (!part.path("type").asText().equals("text")) {
        throw new RejectedException(
            RejectionReason.WRONG_TYPE,
            "the parts of a turn of %s must be text, got %s".formatted(name, described(part)));
      }
      text.append(text("the text of a part", part.path("text")));
    }
    return text.toString();
  }

  /** A value in a few words. */
  static String described(JsonNode value) {
    if (value.isMissingNode() || value.isNull()) {
      return "nothing";
    }
    String text = value.toString();
    return text.length() <= 60 ? text : text.substring(0, 60) + "…";
  }
}

package dev.firesteel.chat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Compares the chats of a file that {@code chat_templates.py} wrote with our own rendering. */
final class ChatGoldens {
  private ChatGoldens() {}

  /** One line for each conversation that renders otherwise, or has other spans trained. */
  static List<String> differences(JsonNode goldens) {
    BoundaryTexts texts =
        new BoundaryTexts(
            Optional.of(goldens.path("variables").path("bos_token").textValue()),
            Optional.of(goldens.path("variables").path("eos_token").textValue()));
    List<String> differences = new ArrayList<>();
    for (JsonNode chat : goldens.path("chats")) {
      String name = chat.path("name").textValue();
      ChatTemplate template =
          ChatTemplate.builtIn(name)
              .orElseGet(
                  () -> ChatTemplate.of(name, goldens.path("written").path(name).textValue()));
      List<Message> messages = new ArrayList<>();
      chat.path("messages")
          .forEach(
              each ->
                  messages.add(
                      new Message(
                          each.path("role").textValue(), each.path("content").textValue())));
      String wanted = wanted(chat, template.marksGeneration());
      String got =
          got(template, new Conversation(messages), chat.path("prompt").booleanValue(), texts);
      if (!got.equals(wanted)) {
        differences.add("%s%n  wanted %s%n  got %s".formatted(name, wanted, got));
      }
    }
    return differences;
  }

  private static String wanted(JsonNode chat, boolean marks) {
    if (chat.path("text").isNull()) {
      return "fails: " + chat.path("error").textValue();
    }
    StringBuilder text = new StringBuilder(chat.path("text").textValue());
    for (int i = chat.path("generations").size() - 1; marks && i >= 0; i--) {
      text.insert(chat.path("generations").get(i).get(1).intValue(), "]]");
      text.insert(chat.path("generations").get(i).get(0).intValue(), "[[");
    }
    return text.toString();
  }

  private static String got(
      ChatTemplate template, Conversation conversation, boolean prompt, BoundaryTexts texts) {
    try {
      if (!template.marksGeneration()) {
        return template.text(conversation, prompt, texts);
      }
      StringBuilder text = new StringBuilder();
      for (TextSpan span : template.spans(conversation, prompt, texts)) {
        text.append(span.trained() ? "[[" + span.text() + "]]" : span.text());
      }
      return text.toString();
    } catch (UserException e) {
      String reason = e.getMessage().substring(e.getMessage().indexOf(": ") + 2);
      return "fails: " + reason.substring(0, reason.lastIndexOf(';'));
    }
  }
}

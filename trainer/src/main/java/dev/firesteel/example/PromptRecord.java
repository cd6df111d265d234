package dev.firesteel.example;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chat.Message;
import dev.firesteel.error.UserException;
import java.util.List;
import java.util.Map;

/**
 * The prompt of a record of {@link ExampleType#PROMPTS}, before it is tokens.
 *
 * @param turns of a conversation that ends with the user; empty for a text
 * @param text to be continued as it is; empty for turns
 */
public record PromptRecord(List<Message> turns, String text) {
  /** Copies the list. */
  public PromptRecord {
    turns = List.copyOf(turns);
  }

  /**
   * Reads a record.
   *
   * @param asTurns whether a string is a turn of the user; otherwise it is a text
   * @throws UserException with the reason, if it is none
   */
  public static PromptRecord read(JsonNode json, boolean asTurns) {
    try {
      Dialogue dialogue = new RecordReader(new RecordFields(json, Map.of()), asTurns, "").prompt();
      if (dialogue.isText()) {
        return new PromptRecord(List.of(), dialogue.promptText());
      }
      Dialogue.check(dialogue.prompt());
      return new PromptRecord(dialogue.prompt(), "");
    } catch (RejectedException e) {
      throw UserException.usage(e.getMessage(), e);
    }
  }

  /** Whether it is turns. */
  public boolean isConversation() {
    return !turns.isEmpty();
  }

  /** What a person reads of it: the last turn of the user, or the text. */
  public String shown() {
    return isConversation() ? turns.get(turns.size() - 1).content() : text;
  }
}

package dev.firesteel.chat;

import java.util.ArrayList;
import java.util.List;

/**
 * Messages in their order.
 *
 * @param messages at least one
 */
public record Conversation(List<Message> messages) {
  /** Checks that there is a message. */
  public Conversation {
    messages = List.copyOf(messages);
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a conversation must have messages");
    }
  }

  /** A conversation of these messages. */
  public static Conversation of(Message... messages) {
    return new Conversation(List.of(messages));
  }

  /** The first messages. */
  public Conversation first(int count) {
    return new Conversation(messages.subList(0, count));
  }

  /** This conversation with one more message. */
  public Conversation with(Message message) {
    List<Message> all = new ArrayList<>(messages);
    all.add(message);
    return new Conversation(all);
  }

  /** How many messages there are. */
  public int size() {
    return messages.size();
  }

  /** Whether the model speaks last. */
  public boolean isAnswered() {
    return messages.get(messages.size() - 1).isAnswer();
  }
}

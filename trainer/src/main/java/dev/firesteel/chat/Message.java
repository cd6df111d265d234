package dev.firesteel.chat;

/**
 * One turn of a conversation.
 *
 * @param role who speaks: {@link #SYSTEM}, {@link #USER} or {@link #ASSISTANT}
 * @param content what is said
 */
public record Message(String role, String content) {
  /** Instructions for the whole conversation. */
  public static final String SYSTEM = "system";

  /** Whom the model answers. */
  public static final String USER = "user";

  /** The model. */
  public static final String ASSISTANT = "assistant";

  /** Checks the role: templates write it among their special tokens. */
  public Message {
    if (!role.equals(SYSTEM) && !role.equals(USER) && !role.equals(ASSISTANT)) {
      throw new IllegalArgumentException(
          "the role of a message must be system, user or assistant, got " + role);
    }
  }

  /** A turn of the system. */
  public static Message system(String content) {
    return new Message(SYSTEM, content);
  }

  /** A turn of the user. */
  public static Message user(String content) {
    return new Message(USER, content);
  }

  /** A turn of the model. */
  public static Message assistant(String content) {
    return new Message(ASSISTANT, content);
  }

  /** Whether the model speaks. */
  public boolean isAnswer() {
    return role.equals(ASSISTANT);
  }
}

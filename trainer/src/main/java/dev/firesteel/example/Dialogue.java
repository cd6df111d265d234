package dev.firesteel.example;

import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A prompt and its answer: turns, or two strings that are put together as they are.
 *
 * @param prompt turns, or null
 * @param answer turns, or null
 * @param promptText a string, or null
 * @param answerText a string, or null
 */
record Dialogue(List<Message> prompt, List<Message> answer, String promptText, String answerText) {
  private static final Pattern SPEAKER = Pattern.compile("(?:^|\n\n)(Human|Assistant):");

  static Dialogue of(List<Message> prompt, List<Message> answer) {
    return new Dialogue(prompt, answer, null, null);
  }

  static Dialogue of(String prompt, String answer) {
    return new Dialogue(null, null, prompt, answer);
  }

  boolean isText() {
    return promptText != null;
  }

  /** Everything that is said. */
  Stream<String> texts() {
    return isText()
        ? Stream.of(promptText, answerText)
        : Stream.concat(prompt.stream(), answer.stream()).map(Message::content);
  }

  /** All turns. */
  Conversation conversation() {
    List<Message> all = new ArrayList<>(prompt);
    all.addAll(answer);
    return new Conversation(all);
  }

  /** Checks the turns of one conversation. */
  static void check(List<Message> messages) {
    for (int i = 0; i < messages.size(); i++) {
      Message message = messages.get(i);
      if (message.role().equals(Message.SYSTEM) && i > 0) {
        boolean second =
            messages.subList(0, i).stream().anyMatch(m -> m.role().equals(Message.SYSTEM));
        throw new RejectedException(
            second ? RejectionReason.TWO_SYSTEM_TURNS : RejectionReason.LATE_SYSTEM_TURN,
            second
                ? "a conversation must have one turn of the system at most, got a second one at turn %d"
                    .formatted(i + 1)
                : "a turn of the system must be the first, got it at turn %d".formatted(i + 1));
      }
      if (message.isAnswer() && message.content().isBlank()) {
        throw new RejectedException(
            RejectionReason.EMPTY_ANSWER,
            "an answer must have text, got none at turn %d".formatted(i + 1));
      }
    }
  }

  /** The turns of a string: one of the user, or those of a dialogue of Human and Assistant. */
  static List<Message> turns(String prompt) {
    Matcher speaker = SPEAKER.matcher(prompt);
    if (!speaker.find() || speaker.start() > 0 || !speaker.group(1).equals("Human")) {
      return prompt.isEmpty() ? List.of() : List.of(Message.user(prompt));
    }
    List<Message> turns = new ArrayList<>();
    boolean found = true;
    while (found) {
      String role = speaker.group(1).equals("Human") ? Message.USER : Message.ASSISTANT;
      int start = speaker.end();
      found = speaker.find();
      String content = prompt.substring(start, found ? speaker.start() : prompt.length()).strip();
      // The marker that the answer follows.
      if (found || !content.isEmpty() || role.equals(Message.USER)) {
        turns.add(new Message(role, content));
      }
    }
    return turns;
  }
}

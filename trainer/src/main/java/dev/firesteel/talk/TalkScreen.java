package dev.firesteel.talk;

/** Where a conversation is shown. */
public interface TalkScreen {
  /** A piece of the answer; its control characters are escaped already. */
  void answer(String text);

  /** The answer is over. */
  void answerEnded();

  /** A line about the conversation, which is not part of it. */
  void note(String line);
}

package dev.firesteel.talk;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.chat.Message;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.FinishReason;
import dev.firesteel.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A conversation with one model. A model with a chat template sees all messages so far; one without
 * completes each text on its own.
 *
 * <p>If the messages do not fit into the context, the model no longer sees the oldest exchanges
 * after the system message, see {@link TalkPrompts}. They stay in the conversation.
 */
public final class Talk {
  private final TalkPrompts prompts;
  private final AnswerWriter writer;
  private final List<Message> messages = new ArrayList<>();
  private Optional<String> system = Optional.empty();
  private GenerationOptions options;

  /** The first of the messages that the model still sees. */
  private int firstSeen;

  private String lastAsked;

  /** Whether the last question has an answer, at the end of the messages. */
  private boolean answered;

  private int retries;

  /** A conversation without messages. */
  public Talk(TalkPrompts prompts, AnswerWriter writer, GenerationOptions options) {
    this.prompts = prompts;
    this.writer = writer;
    this.options = options;
  }

  /** Whether the model has a chat template, and so sees the messages before. */
  public boolean isChat() {
    return prompts.isChat();
  }

  /** How answers are sampled. */
  public GenerationOptions options() {
    return options;
  }

  /** Changes how answers are sampled from now on. */
  public void setOptions(GenerationOptions changed) {
    options = changed;
  }

  /** The system message, if there is one. */
  public Optional<String> system() {
    return system;
  }

  /**
   * Changes the system message of the whole conversation; empty removes it.
   *
   * @throws UserException if the model has no chat template
   */
  public void setSystem(Optional<String> text) {
    if (!isChat() && text.isPresent()) {
      throw UserException.usage(
          "a system message needs a model with a chat template, and this one has none: give it a template (--template chatml), or put the instructions into the prompt");
    }
    system = text;
  }

  /** Forgets all messages but the system message. */
  public void reset() {
    messages.clear();
    firstSeen = 0;
    lastAsked = null;
  }

  /** What was said, without the system message: the user's messages, each with its answer. */
  public List<Message> messages() {
    return List.copyOf(messages);
  }

  /**
   * Says something, and lets the model answer. If the model says nothing, or fails, the
   * conversation is as before.
   *
   * @param shown receives the answer's text as it becomes final
   * @param stopped ends the answer when it is true; what was said until then stays
   * @throws UserException if the text is blank in a chat, or too long for the context
   */
  public Answer ask(String text, Consumer<String> shown, BooleanSupplier stopped) {
    retries = 0;
    return answer(text, shown, stopped);
  }

  /**
   * Asks the last question again, in place of its answer. The seed is another one each time.
   *
   * @throws UserException if nothing was asked
   */
  public Answer retry(Consumer<String> shown, BooleanSupplier stopped) {
    if (lastAsked == null) {
      throw UserException.usage("there must be an answer to retry, got none yet: say something");
    }
    List<Message> before = List.copyOf(messages);
    if (answered) {
      messages.subList(messages.size() - 2, messages.size()).clear();
    }
    retries++;
    try {
      Answer answer = answer(lastAsked, shown, stopped);
      if (answer.isEmpty()) {
        restore(before);
      }
      return answer;
    } catch (RuntimeException | Error e) {
      restore(before);
      throw e;
    }
  }

  private void restore(List<Message> before) {
    answered |= before.size() > messages.size();
    messages.clear();
    messages.addAll(before);
  }

  private Answer answer(String text, Consumer<String> shown, BooleanSupplier stopped) {
    if (isChat() && text.isBlank()) {
      throw UserException.usage("a message must have text, got none: type something");
    }
    TalkPrompts.Prompt prompt =
        prompts.prompt(system, messages, firstSeen, text, options.maxTokens());
    lastAsked = text;
    answered = false;
    StringBuilder said = new StringBuilder();
    Optional<FinishReason> reason = Optional.empty();
    try {
      Completion completion =
          writer.write(
              prompt.tokens(),
              prompts.withStops(options.toBuilder().seed(options.seed() + retries).build()),
              added -> {
                if (stopped.getAsBoolean()) {
                  throw new CancellationException("stopped by the user");
                }
                said.append(added);
                shown.accept(added);
              });
      reason = Optional.of(completion.finishReason());
    } catch (CancellationException e) {
      // What was said until then is the answer.
    }
    Answer answer = new Answer(said.toString(), reason, prompt.firstSeen());
    if (!answer.isEmpty()) {
      firstSeen = prompt.firstSeen();
      answered = true;
      messages.add(Message.user(text));
      messages.add(Message.assistant(answer.text()));
    }
    return answer;
  }

  /**
   * The conversation as a record that {@code sft} reads: {@code {"messages": [...]}}. Of a model
   * without a chat template, a record {@code prompt} and {@code completion} for each text.
   *
   * @throws UserException if nothing was said
   */
  public List<String> records() {
    if (messages.isEmpty()) {
      throw UserException.usage(
          "there must be an answer to save, got none yet: say something first");
    }
    List<String> records = new ArrayList<>();
    if (isChat()) {
      ObjectNode json = JsonNodeFactory.instance.objectNode();
      ArrayNode turns = json.putArray("messages");
      system.ifPresent(text -> add(turns, Message.system(text)));
      messages.forEach(message -> add(turns, message));
      records.add(json.toString());
      return records;
    }
    for (int i = 0; i < messages.size(); i += 2) {
      records.add(
          JsonNodeFactory.instance
              .objectNode()
              .put("prompt", messages.get(i).content())
              .put("completion", messages.get(i + 1).content())
              .toString());
    }
    return records;
  }

  private static void add(ArrayNode turns, Message message) {
    turns.addObject().put("role", message.role()).put("content", message.content());
  }
}

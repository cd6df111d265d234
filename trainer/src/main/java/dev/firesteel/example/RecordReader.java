package dev.firesteel.example;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chat.Message;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Reads the fields of each type of record as prompts with their answers. */
final class RecordReader {
  private static final String MARKER = "Assistant:";

  /** As HH-RLHF writes it: an answer may speak of an assistant. */
  private static final String TURN = "\n\n" + MARKER;

  private final RecordFields fields;
  private final boolean templateStrings;
  private final String inputSeparator;

  RecordReader(RecordFields fields, boolean templateStrings, String inputSeparator) {
    this.fields = fields;
    this.templateStrings = templateStrings;
    this.inputSeparator = inputSeparator;
  }

  /** The prompts with their answers; several of a preference or ranking, best first. */
  List<Dialogue> read(ExampleType type) {
    return switch (type) {
      case MESSAGES -> List.of(turns(RecordFields.messages("messages", fields.take("messages"))));
      case SHAREGPT -> List.of(shareGpt());
      case ALPACA -> List.of(alpaca());
      case PROMPT_COMPLETION, LABELLED ->
          List.of(dialogue(fields.take("prompt"), "completion", fields.take("completion")));
      case TEXT -> List.of(Dialogue.of("", answer("text", fields.text("text"))));
      case PREFERENCE -> preference();
      case RANKING -> ranking();
      case PROMPTS, AUTO -> throw new IllegalArgumentException("read " + type + " elsewhere");
    };
  }

  private static Dialogue turns(List<Message> messages) {
    if (messages.stream().noneMatch(Message::isAnswer)) {
      throw new RejectedException(
          RejectionReason.NO_ANSWER,
          "a conversation must have a turn of the assistant, got %d turns without one"
              .formatted(messages.size()));
    }
    return Dialogue.of(List.of(), messages);
  }

  private Dialogue shareGpt() {
    List<Message> messages = new ArrayList<>();
    String system = fields.optionalText("system");
    if (!system.isEmpty()) {
      messages.add(Message.system(system));
    }
    messages.addAll(
        RecordFields.turns("conversations", fields.take("conversations"), "from", "value"));
    return turns(messages);
  }

  private Dialogue alpaca() {
    List<Message> messages = new ArrayList<>();
    String system = fields.optionalText("system");
    if (!system.isEmpty()) {
      messages.add(Message.system(system));
    }
    if (fields.has("history")) {
      for (JsonNode pair : fields.take("history")) {
        if (!pair.isArray() || pair.size() != 2) {
          throw new RejectedException(
              RejectionReason.WRONG_TYPE,
              "history must be a list of pairs of an instruction and its output, got "
                  + RecordFields.described(pair));
        }
        messages.add(Message.user(RecordFields.text("an instruction of history", pair.get(0))));
        messages.add(Message.assistant(RecordFields.text("an output of history", pair.get(1))));
      }
    }
    String instruction = fields.text("instruction");
    String input = fields.optionalText("input");
    messages.add(
        Message.user(input.isBlank() ? instruction : instruction + inputSeparator + input));
    messages.add(Message.assistant(fields.text("output")));
    return Dialogue.of(List.of(), messages);
  }

  /** A prompt and an answer, both strings or both lists of turns. */
  private Dialogue dialogue(JsonNode prompt, String name, JsonNode answer) {
    if (prompt.isTextual() && answer.isTextual()) {
      return strings(prompt.textValue(), answer(name, answer.textValue()));
    }
    if (!prompt.isArray() || !answer.isArray()) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "prompt and %s must be two strings or two lists of turns, got %s and %s"
              .formatted(name, RecordFields.described(prompt), RecordFields.described(answer)));
    }
    return Dialogue.of(
        RecordFields.messages("prompt", prompt),
        answers(name, RecordFields.messages(name, answer)));
  }

  private Dialogue strings(String prompt, String answer) {
    return templateStrings
        ? Dialogue.of(Dialogue.turns(prompt), List.of(Message.assistant(answer.strip())))
        : Dialogue.of(prompt, answer);
  }

  private static String answer(String name, String text) {
    if (text.isBlank()) {
      throw new RejectedException(
          RejectionReason.EMPTY_ANSWER, "%s must have text, got none".formatted(name));
    }
    return text;
  }

  private static List<Message> answers(String name, List<Message> messages) {
    if (messages.isEmpty() || !messages.get(messages.size() - 1).isAnswer()) {
      throw new RejectedException(
          RejectionReason.NO_ANSWER,
          "%s must end with a turn of the assistant, got %s"
              .formatted(
                  name,
                  messages.isEmpty()
                      ? "no turn"
                      : "one of the " + messages.get(messages.size() - 1).role()));
    }
    return messages;
  }

  private List<Dialogue> preference() {
    JsonNode chosen = fields.take("chosen");
    JsonNode rejected = fields.take("rejected");
    if (chosen.equals(rejected)) {
      throw identical("chosen and rejected");
    }
    if (fields.has("prompt")) {
      JsonNode prompt = fields.take("prompt");
      if (prompt.isTextual() && chosen.isArray() && rejected.isArray()) {
        return repeated(prompt.textValue(), chosen, rejected);
      }
      return distinct(
          List.of(dialogue(prompt, "chosen", chosen), dialogue(prompt, "rejected", rejected)));
    }
    if (chosen.isTextual() && rejected.isTextual()) {
      return distinct(implicitStrings(chosen.textValue(), rejected.textValue()));
    }
    return implicitTurns(
        answers("chosen", RecordFields.messages("chosen", chosen)),
        answers("rejected", RecordFields.messages("rejected", rejected)));
  }

  /** A prompt beside turns, which usually begin with the same prompt. */
  private static List<Dialogue> repeated(String prompt, JsonNode chosen, JsonNode rejected) {
    List<Message> first = answers("chosen", RecordFields.messages("chosen", chosen));
    List<Message> second = answers("rejected", RecordFields.messages("rejected", rejected));
    if (!first.get(0).isAnswer() && !second.get(0).isAnswer()) {
      return implicitTurns(first, second);
    }
    List<Message> turns = Dialogue.turns(prompt);
    return distinct(List.of(Dialogue.of(turns, first), Dialogue.of(turns, second)));
  }

  private static List<Dialogue> implicitTurns(List<Message> first, List<Message> second) {
    int common = 0;
    while (common < Math.min(first.size(), second.size()) - 1
        && first.get(common).equals(second.get(common))) {
      common++;
    }
    if (common == 0) {
      throw noPrompt("the same first turns");
    }
    return distinct(
        List.of(
            Dialogue.of(first.subList(0, common), first.subList(common, first.size())),
            Dialogue.of(second.subList(0, common), second.subList(common, second.size()))));
  }

  /** Dialogues of Human and Assistant: the prompt ends with the last marker in common. */
  private List<Dialogue> implicitStrings(String chosen, String rejected) {
    int common = 0;
    while (common < Math.min(chosen.length(), rejected.length())
        && chosen.charAt(common) == rejected.charAt(common)) {
      common++;
    }
    String beginning = chosen.substring(0, common);
    int turn = beginning.lastIndexOf(TURN);
    int marker = turn < 0 ? beginning.lastIndexOf(MARKER) : turn + TURN.length() - MARKER.length();
    if (marker < 0) {
      throw noPrompt("the same beginning up to \"%s\"".formatted(MARKER));
    }
    int end = marker + MARKER.length();
    String prompt = chosen.substring(0, end);
    return List.of(
        strings(prompt, answer("chosen", chosen.substring(end))),
        strings(prompt, answer("rejected", rejected.substring(end))));
  }

  private static RejectedException noPrompt(String needed) {
    return new RejectedException(
        RejectionReason.MISSING_FIELD,
        "a record without prompt must have a chosen and a rejected with %s, got none"
            .formatted(needed));
  }

  private List<Dialogue> ranking() {
    JsonNode prompt = fields.take("prompt");
    JsonNode answers = fields.take("answers");
    if (!answers.isArray() || answers.size() < 2) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "answers must be a list of two at least, got " + RecordFields.described(answers));
    }
    List<Dialogue> dialogues = new ArrayList<>();
    for (int i : order(answers.size())) {
      dialogues.add(dialogue(prompt, "answers", answers.get(i)));
    }
    return distinct(dialogues);
  }

  /** The answers best first; {@code ranks} stay among the fields, in that order. */
  private List<Integer> order(int count) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    if (!fields.has("ranks")) {
      return order;
    }
    JsonNode ranks = fields.take("ranks");
    boolean numbers = ranks.isArray() && ranks.size() == count;
    for (int i = 0; numbers && i < count; i++) {
      numbers = ranks.get(i).isNumber();
    }
    if (!numbers) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "ranks must be a list of %d numbers, one for each answer, got %s"
              .formatted(count, RecordFields.described(ranks)));
    }
    order.sort(Comparator.comparingDouble(i -> ranks.get(i).doubleValue()));
    var sorted = fields.rest().putArray("ranks");
    order.forEach(i -> sorted.add(ranks.get(i)));
    return order;
  }

  private static List<Dialogue> distinct(List<Dialogue> dialogues) {
    for (int i = 0; i < dialogues.size(); i++) {
      if (dialogues.subList(0, i).contains(dialogues.get(i))) {
        throw identical("two answers");
      }
    }
    return dialogues;
  }

  private static RejectedException identical(String what) {
    return new RejectedException(
        RejectionReason.IDENTICAL_PAIR, "%s must differ, and are the same".formatted(what));
  }

  /** The prompt of a record of {@link ExampleType#PROMPTS}. */
  Dialogue prompt() {
    boolean turns = !fields.has("prompt") && fields.has("messages");
    String name = turns ? "messages" : "prompt";
    JsonNode prompt = fields.take(name);
    if (prompt.isTextual() && !turns) {
      if (prompt.textValue().isBlank()) {
        throw new RejectedException(
            RejectionReason.EMPTY_PROMPT, "prompt must have text, got none");
      }
      return strings(prompt.textValue(), "");
    }
    if (!prompt.isArray() && !turns) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "prompt must be a string or a list of turns, got " + RecordFields.described(prompt));
    }
    List<Message> messages = RecordFields.messages(name, prompt);
    if (messages.isEmpty()) {
      throw new RejectedException(
          RejectionReason.EMPTY_PROMPT, "%s must have turns, got none".formatted(name));
    }
    Message last = messages.get(messages.size() - 1);
    if (!last.role().equals(Message.USER)) {
      throw new RejectedException(
          RejectionReason.ANSWERED_PROMPT,
          "%s must end with a turn of the user, which the model answers, got one of the %s"
              .formatted(name, last.role()));
    }
    return Dialogue.of(messages, List.of());
  }
}

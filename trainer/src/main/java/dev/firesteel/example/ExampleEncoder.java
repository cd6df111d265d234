package dev.firesteel.example;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.MarkedTokens;
import dev.firesteel.error.UserException;
import dev.firesteel.example.EncodedRecord.Accepted;
import dev.firesteel.example.ExampleRules.TrainOn;
import dev.firesteel.example.ExampleRules.Truncation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Makes examples of a dataset's records. Thread-safe.
 *
 * <p>Nothing is dropped silently: a record that is no example is rejected with a reason. An example
 * has at least one trained token in each document, except for prompts, which have none.
 */
public final class ExampleEncoder {
  private final ExampleRules rules;
  private final ChatTokens chat;

  /** An encoder for one dataset. */
  public ExampleEncoder(ExampleRules rules, ChatTokens chat) {
    this.rules = rules;
    this.chat = chat;
  }

  /** The example that a record is, or why it is none. */
  public EncodedRecord encode(JsonNode json) {
    try {
      return accepted(new RecordFields(json, rules.names()));
    } catch (RejectedException e) {
      return e.rejected();
    }
  }

  private Accepted accepted(RecordFields fields) {
    ExampleType type = type(fields);
    RecordReader reader =
        new RecordReader(fields, rules.templateStrings(), chat.template().inputSeparator());
    List<TrainedTokens> documents = new ArrayList<>();
    int cut = 0;
    if (type == ExampleType.PROMPTS) {
      Dialogue prompt = reader.prompt();
      TrainedTokens whole = prompt(prompt);
      documents.add(shortened(whole, true));
      cut = whole.length() - documents.get(0).length();
    } else {
      for (Dialogue dialogue : reader.read(type)) {
        TrainedTokens whole = document(dialogue, type);
        TrainedTokens document = shortened(whole, false);
        if (documents.contains(document)) {
          throw new RejectedException(
              RejectionReason.IDENTICAL_WHEN_CUT,
              "answers must differ in their first %d tokens, and are the same there"
                  .formatted(rules.maxLength()));
        }
        documents.add(document);
        cut += whole.length() - document.length();
      }
    }
    if (type == ExampleType.LABELLED) {
      checkLabel(fields);
    } else if (type == ExampleType.PREFERENCE) {
      checkMargin(fields);
    }
    return new Accepted(new Example(documents, fields.rest()), cut);
  }

  private ExampleType type(RecordFields fields) {
    if (rules.type() != ExampleType.AUTO) {
      return rules.type();
    }
    return ExampleType.recognize(rules.kind(), fields.rest())
        .orElseThrow(
            () -> {
              List<String> known =
                  ExampleType.of(rules.kind()).stream()
                      .map(type -> type.label() + " (" + String.join(", ", type.required()) + ")")
                      .toList();
              List<String> got = new ArrayList<>();
              fields.rest().fieldNames().forEachRemaining(got::add);
              return new RejectedException(
                  RejectionReason.MISSING_FIELD,
                  "a record for %s must have the fields of one of %s, got %s"
                      .formatted(rules.kind().label(), String.join(", ", known), got));
            });
  }

  private static void checkLabel(RecordFields fields) {
    JsonNode label = fields.rest().path("label");
    if (!label.isBoolean()) {
      throw new RejectedException(
          label.isMissingNode() || label.isNull()
              ? RejectionReason.MISSING_FIELD
              : RejectionReason.WRONG_TYPE,
          "label must be true or false, got " + RecordFields.described(label));
    }
  }

  /** The margin of a preference, which is optional. */
  private static void checkMargin(RecordFields fields) {
    JsonNode margin = fields.rest().path("margin");
    if (!margin.isMissingNode() && !margin.isNull() && !margin.isNumber()) {
      throw new RejectedException(
          RejectionReason.WRONG_TYPE,
          "margin must be a number, got " + RecordFields.described(margin));
    }
  }

  private TrainedTokens prompt(Dialogue dialogue) {
    int[] tokens;
    if (dialogue.isText()) {
      tokens = tokenized(() -> chat.prompt(dialogue.promptText()), dialogue.texts());
    } else {
      Dialogue.check(dialogue.prompt());
      Conversation conversation = new Conversation(dialogue.prompt());
      tokens = tokenized(() -> chat.prompt(conversation), dialogue.texts());
    }
    return new TrainedTokens(tokens, new boolean[tokens.length]);
  }

  private TrainedTokens document(Dialogue dialogue, ExampleType type) {
    MarkedTokens marked;
    if (dialogue.isText()) {
      marked =
          tokenized(
              () -> chat.training(dialogue.promptText(), dialogue.answerText()), dialogue.texts());
    } else {
      Conversation conversation = dialogue.conversation();
      Dialogue.check(conversation.messages());
      if (conversation.messages().get(0).isAnswer()) {
        throw new RejectedException(
            RejectionReason.EMPTY_PROMPT, "a conversation must not begin with an answer");
      }
      marked =
          tokenized(() -> chat.training(conversation, dialogue.prompt().size()), dialogue.texts());
    }
    boolean[] trained = marked.trained();
    if (rules.trainOn() == TrainOn.ALL && type.is(ExampleKind.SFT)) {
      Arrays.fill(trained, true);
    }
    return new TrainedTokens(marked.tokens(), trained);
  }

  /** A template or tokenizer that fails for one record. */
  private <T> T tokenized(Supplier<T> tokens, Stream<String> texts) {
    try {
      return tokens.get();
    } catch (UserException e) {
      throw new RejectedException(
          texts.allMatch(this::isEncodable)
              ? RejectionReason.TEMPLATE_FAILED
              : RejectionReason.UNKNOWN_CHARACTER,
          e.getMessage());
    }
  }

  private boolean isEncodable(String text) {
    try {
      chat.tokenizer().encode(text);
      return true;
    } catch (UserException e) {
      return false;
    }
  }

  /** Cuts tokens and marks together. */
  private TrainedTokens shortened(TrainedTokens whole, boolean prompt) {
    int most = rules.maxLength();
    if (whole.length() <= most) {
      return whole;
    }
    if (rules.truncation() == Truncation.DROP) {
      throw new RejectedException(
          !prompt && whole.firstTrained() < most
              ? RejectionReason.TOO_LONG
              : RejectionReason.PROMPT_TOO_LONG,
          "an example must have %d tokens at most, got %d".formatted(most, whole.length()));
    }
    int start = rules.truncation() == Truncation.KEEP_START ? 0 : whole.length() - most;
    boolean[] trained = new boolean[most];
    for (int i = 0; i < most; i++) {
      trained[i] = whole.isTrained(start + i);
    }
    TrainedTokens part =
        new TrainedTokens(Arrays.copyOfRange(whole.tokens(), start, start + most), trained);
    // The beginning of an answer, which a prompt ends with, is cut away, too.
    boolean lost = prompt ? start == 0 : part.trainedCount() == 0;
    if (lost) {
      throw new RejectedException(
          RejectionReason.PROMPT_TOO_LONG,
          "a prompt must leave room for its answer in %d tokens, got %d of the prompt"
              .formatted(most, prompt ? whole.length() : whole.firstTrained()));
    }
    return part;
  }
}

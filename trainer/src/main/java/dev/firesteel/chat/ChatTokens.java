package dev.firesteel.chat;

import dev.firesteel.error.UserException;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Conversations and texts as tokens of a model: for training, with the marks of what is trained,
 * and for generation, where the tokens of a prompt are exactly the first tokens of the training
 * example. Thread-safe.
 *
 * <p>Each answer ends with exactly one end token, which is trained: the one that the template puts
 * there, else, after the last answer, the tokenizer's end-of-text token. Nothing follows the last
 * answer.
 */
public final class ChatTokens {
  private static final Conversation QUESTION = Conversation.of(Message.user("Question"));

  private final ChatTemplate template;
  private final Tokenizer tokenizer;
  private final DocumentTokens documents;
  private final BoundaryTexts texts;
  private final SpanTokenizer spans;
  private final Set<Integer> endTokens = new LinkedHashSet<>();
  private final Optional<String> endOfTurnText;

  /** Whether the template writes more before an answer than its generation prompt. */
  private final boolean writesAfterPrompt;

  /**
   * @throws UserException if the tokenizer has no end-of-text token, or the template fails for one
   *     question and its answer, or its generation prompt is not how it begins an answer
   */
  public ChatTokens(ChatTemplate template, Tokenizer tokenizer, DocumentTokens documents) {
    this.template = template;
    this.tokenizer = tokenizer;
    this.documents = documents;
    this.texts = BoundaryTexts.of(tokenizer, documents);
    this.spans = new SpanTokenizer(tokenizer);
    if (tokenizer.endOfText().isEmpty()) {
      throw UserException.usage(
          "training on answers needs a tokenizer with an end-of-text token, and this one has none: name it as eos_token in tokenizer_config.json");
    }
    endTokens.addAll(documents.ends());
    endTokens.add(tokenizer.endOfText().getAsInt());
    List<TextSpan> probe = template.spans(QUESTION.with(Message.assistant("Answer")), false, texts);
    String before = beforeAnswer(probe);
    String prompt = template.text(QUESTION, true, texts);
    if (!before.startsWith(prompt)) {
      throw UserException.usage(
          "chat template %s must begin an answer as its generation prompt does, got \"%s\" and \"%s\": correct add_generation_prompt or the place of {%% generation %%}"
              .formatted(template.name(), shown(before), shown(prompt)));
    }
    this.writesAfterPrompt = before.length() > prompt.length();
    String end = endOfTurn(probe);
    int[] tokens = spans.encode(own(end), -1);
    boolean special = tokens.length > 0 && tokenizer.isSpecial(tokens[tokens.length - 1]);
    if (special) {
      endTokens.add(tokens[tokens.length - 1]);
    }
    this.endOfTurnText = special || end.isEmpty() ? Optional.empty() : Optional.of(end);
  }

  /** The tokens of a template whose documents are separated by the end-of-text token. */
  public static ChatTokens of(ChatTemplate template, Tokenizer tokenizer) {
    return new ChatTokens(template, tokenizer, DocumentTokens.of(tokenizer));
  }

  private static TextSpan own(String text) {
    return new TextSpan(List.of(new TextSpan.Piece(text, false)), true);
  }

  private String beforeAnswer(List<TextSpan> rendered) {
    StringBuilder before = new StringBuilder();
    for (TextSpan span : rendered) {
      if (span.trained()) {
        return before.toString();
      }
      before.append(span.text());
    }
    throw UserException.usage(
        "chat template %s must write answers, but marks nothing of one as trained: put {%% generation %%} before it and {%% endgeneration %%} after its end token"
            .formatted(template.name()));
  }

  /** What is trained after the text of an answer, without white space at its end. */
  private static String endOfTurn(List<TextSpan> rendered) {
    StringBuilder end = new StringBuilder();
    for (TextSpan span : rendered) {
      for (TextSpan.Piece piece : span.pieces()) {
        if (piece.typed()) {
          end.setLength(0);
        } else if (span.trained()) {
          end.append(piece.text());
        }
      }
    }
    return end.toString().strip();
  }

  private static String shown(String text) {
    String last = text.substring(Math.max(0, text.length() - 60));
    return last.replace("\n", "\\n");
  }

  /** The template. */
  public ChatTemplate template() {
    return template;
  }

  /** The tokenizer. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** The tokens that end an answer: generation stops at each of them. */
  public Set<Integer> endTokens() {
    return Set.copyOf(endTokens);
  }

  /** The text that ends an answer in the template, if the tokenizer has no token for it. */
  public Optional<String> endOfTurnText() {
    return endOfTurnText;
  }

  /**
   * The tokens to generate an answer after.
   *
   * @param conversation ending with a turn of the user
   */
  public int[] prompt(Conversation conversation) {
    return encode(rendered(conversation, true)).tokens();
  }

  /**
   * A conversation to be trained on.
   *
   * @param promptMessages the answers among the first ones are not trained
   * @throws UserException if the template fails, or does not begin the conversation as it renders
   *     these messages alone
   */
  public MarkedTokens training(Conversation conversation, int promptMessages) {
    List<TextSpan> rendered = rendered(conversation, false);
    if (promptMessages > 0) {
      rendered = untrained(rendered, conversation, promptMessages);
    }
    MarkedTokens.Builder built = encode(rendered);
    end(built);
    return built.build(false);
  }

  private List<TextSpan> untrained(
      List<TextSpan> rendered, Conversation conversation, int promptMessages) {
    boolean answers =
        promptMessages < conversation.size()
            && conversation.messages().get(promptMessages).isAnswer();
    String prompt = template.text(conversation.first(promptMessages), answers, texts);
    List<TextSpan> marked = new ArrayList<>();
    StringBuilder whole = new StringBuilder();
    for (TextSpan span : rendered) {
      marked.add(whole.length() < prompt.length() ? new TextSpan(span.pieces(), false) : span);
      whole.append(span.text());
    }
    if (!whole.toString().startsWith(prompt)) {
      throw UserException.usage(
          "chat template %s must write a prompt in the same way with and without its answer, but the answer changes it: choose a template that only appends text"
              .formatted(template.name()));
    }
    return marked;
  }

  /** The spans, cut where the prompt of an answer ends, so that its tokens end there. */
  private List<TextSpan> rendered(Conversation conversation, boolean prompt) {
    List<TextSpan> rendered = template.spans(conversation, prompt, texts);
    for (int i = 1; writesAfterPrompt && i < conversation.size(); i++) {
      if (conversation.messages().get(i).isAnswer()) {
        rendered = cut(rendered, template.text(conversation.first(i), true, texts).length());
      }
    }
    return rendered;
  }

  private static List<TextSpan> cut(List<TextSpan> spans, int position) {
    List<TextSpan> cut = new ArrayList<>();
    int start = 0;
    for (TextSpan span : spans) {
      int length = span.text().length();
      if (start < position && position < start + length) {
        cut.add(part(span, 0, position - start));
        cut.add(part(span, position - start, length));
      } else {
        cut.add(span);
      }
      start += length;
    }
    return cut;
  }

  private static TextSpan part(TextSpan span, int from, int to) {
    List<TextSpan.Piece> pieces = new ArrayList<>();
    int start = 0;
    for (TextSpan.Piece piece : span.pieces()) {
      int first = Math.max(from - start, 0);
      int last = Math.min(to - start, piece.text().length());
      if (first < last) {
        pieces.add(new TextSpan.Piece(piece.text().substring(first, last), piece.typed()));
      }
      start += piece.text().length();
    }
    return new TextSpan(pieces, span.trained());
  }

  private MarkedTokens.Builder encode(List<TextSpan> rendered) {
    MarkedTokens.Builder built = new MarkedTokens.Builder();
    for (TextSpan span : rendered) {
      int previous = built.size() > 0 ? built.token(built.size() - 1) : -1;
      built.add(spans.encode(span, previous), span.trained());
    }
    return built;
  }

  /** Leaves nothing after the last answer, and one end token in it. */
  private void end(MarkedTokens.Builder built) {
    built.cut(built.endOfTrained());
    if (built.size() > 0 && !endTokens.contains(built.token(built.size() - 1))) {
      built.add(new int[] {tokenizer.endOfText().getAsInt()}, true);
    }
  }

  /** A prompt and its completion as they are, without the template; an end token is appended. */
  public MarkedTokens training(String prompt, String completion) {
    MarkedTokens.Builder built = new MarkedTokens.Builder();
    built.add(prompt(prompt), false);
    boolean continues = !prompt.isEmpty();
    built.add(spans.plain(completion, continues), true);
    built.add(new int[] {tokenizer.endOfText().getAsInt()}, true);
    return built.build(false);
  }

  /** The tokens of a prompt as it is; of an empty one, the token that begins a document. */
  public int[] prompt(String prompt) {
    OptionalInt start = documents.start();
    return prompt.isEmpty() && start.isPresent()
        ? new int[] {start.getAsInt()}
        : spans.plain(prompt, false);
  }
}

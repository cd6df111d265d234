package dev.firesteel.chat;

import dev.firesteel.error.UserException;
import dev.firesteel.jinja.JinjaException;
import dev.firesteel.jinja.Limits;
import dev.firesteel.jinja.Rendered;
import dev.firesteel.jinja.Template;
import dev.firesteel.jinja.Typed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How conversations become text: a Jinja template with the variables {@code messages}, {@code
 * add_generation_prompt}, {@code bos_token} and {@code eos_token}, as in Hugging Face's tokenizers.
 * Immutable.
 *
 * <p>What a model learns to write is between {@code {% generation %}} and {@code {% endgeneration
 * %}}. In a template without them it is found by rendering the beginnings of a conversation: each
 * answer is what comes after the generation prompt of the messages before it, without white space
 * that the template puts at its end.
 */
public final class ChatTemplate {
  /** The template that is used if nothing else is said. */
  public static final String DEFAULT = "chatml";

  /** The templates that come with Firesteel. */
  public static final List<String> BUILT_IN =
      List.of(DEFAULT, "alpaca", "llama3", "vicuna", "zephyr", "plain");

  private final String name;
  private final String source;
  private final Template template;

  private ChatTemplate(String name, String source, Template template) {
    this.name = name;
    this.source = source;
    this.template = template;
  }

  /**
   * Reads a template.
   *
   * @param name how errors call it: a built-in name or a file
   * @throws UserException with its name, the line and the reason, if it cannot be read
   */
  public static ChatTemplate of(String name, String source) {
    try {
      return new ChatTemplate(name, source, Template.parse(source));
    } catch (JinjaException e) {
      throw failed(name, "cannot be read", e);
    }
  }

  /** A template that comes with Firesteel; empty if there is none of that name. */
  public static Optional<ChatTemplate> builtIn(String name) {
    if (!BUILT_IN.contains(name)) {
      return Optional.empty();
    }
    try (InputStream in = ChatTemplate.class.getResourceAsStream(name + ".jinja")) {
      return Optional.of(of(name, new String(in.readAllBytes(), StandardCharsets.UTF_8)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** How errors call it. */
  public String name() {
    return name;
  }

  /** The Jinja source. */
  public String source() {
    return source;
  }

  /** Whether it has {@code generation} blocks. */
  public boolean marksGeneration() {
    return template.marksGeneration();
  }

  /** What is put between the instruction and the input of a record of Alpaca's kind. */
  public String inputSeparator() {
    return name.equals("alpaca") ? "\n\n### Input:\n" : "\n";
  }

  /**
   * A conversation as text.
   *
   * @param prompt whether the text ends with the beginning of an answer, for a model to write it
   * @throws UserException if the template fails, or has no marks and changes what it wrote when
   *     messages are added
   */
  public List<TextSpan> spans(Conversation conversation, boolean prompt, BoundaryTexts texts) {
    Rendered whole = render(conversation, prompt, texts);
    BitSet trained = new BitSet();
    if (marksGeneration()) {
      for (int i = 0; i < whole.text().length(); i++) {
        trained.set(i, whole.isTrained(i));
      }
    } else {
      markAnswers(conversation, whole, texts, trained);
    }
    return spans(whole, trained);
  }

  /** The text of a conversation. */
  public String text(Conversation conversation, boolean prompt, BoundaryTexts texts) {
    return render(conversation, prompt, texts).text();
  }

  private void markAnswers(
      Conversation conversation, Rendered whole, BoundaryTexts texts, BitSet trained) {
    for (int i = 1; i < conversation.size(); i++) {
      if (!conversation.messages().get(i).isAnswer()) {
        continue;
      }
      String before = text(conversation.first(i), true, texts);
      String after = text(conversation.first(i + 1), false, texts);
      if (!after.startsWith(before) || !whole.text().startsWith(after)) {
        throw UserException.usage(
            "chat template %s must only append text when messages are added, but turn %d changes what was written before it, so what is trained is not known: mark the answers in it with {%% generation %%} and {%% endgeneration %%}"
                .formatted(name, i + 1));
      }
      int end = after.length();
      while (end > before.length()
          && Character.isWhitespace(after.charAt(end - 1))
          && !whole.isForeign(end - 1)) {
        end--;
      }
      trained.set(before.length(), end);
    }
  }

  private Rendered render(Conversation conversation, boolean prompt, BoundaryTexts texts) {
    List<Map<String, Object>> messages = new ArrayList<>();
    for (Message message : conversation.messages()) {
      Map<String, Object> variables = new LinkedHashMap<>();
      // Not typed, since templates make special tokens of it: <|user|>.
      variables.put("role", message.role());
      variables.put("content", new Typed(message.content()));
      messages.add(variables);
    }
    Map<String, Object> variables = new HashMap<>(texts.variables());
    variables.put("messages", messages);
    variables.put("add_generation_prompt", prompt);
    variables.put("tools", null);
    variables.put("documents", null);
    try {
      return template.render(variables, Limits.DEFAULT);
    } catch (JinjaException e) {
      throw failed(name, "fails", e);
    }
  }

  private static List<TextSpan> spans(Rendered whole, BitSet trained) {
    List<TextSpan> spans = new ArrayList<>();
    String text = whole.text();
    for (int start = 0; start < text.length(); ) {
      boolean is = trained.get(start);
      List<TextSpan.Piece> pieces = new ArrayList<>();
      int at = start;
      while (at < text.length() && trained.get(at) == is) {
        int piece = at;
        boolean typed = whole.isForeign(at);
        while (at < text.length() && trained.get(at) == is && whole.isForeign(at) == typed) {
          at++;
        }
        pieces.add(new TextSpan.Piece(text.substring(piece, at), typed));
      }
      spans.add(new TextSpan(pieces, is));
      start = at;
    }
    return spans;
  }

  private static UserException failed(String name, String what, JinjaException e) {
    return UserException.usage(
        "chat template %s %s at line %d: %s; correct the template, the messages or the choice of it"
            .formatted(name, what, e.line(), e.getMessage()),
        e);
  }
}

package dev.firesteel.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ChatTemplateTest {
  private static final BoundaryTexts TEXTS =
      new BoundaryTexts(Optional.of("<s>"), Optional.of("</s>"));
  private static final Conversation CHAT =
      Conversation.of(
          Message.system("Be brief."),
          Message.user("Hi"),
          Message.assistant("Yo."),
          Message.user("Why?"),
          Message.assistant("So."));

  /** Text with what is trained in brackets. */
  private static String marked(ChatTemplate template, Conversation conversation) {
    StringBuilder text = new StringBuilder();
    for (TextSpan span : template.spans(conversation, false, TEXTS)) {
      text.append(span.trained() ? "[[" + span.text() + "]]" : span.text());
    }
    return text.toString();
  }

  private static ChatTemplate builtIn(String name) {
    return ChatTemplate.builtIn(name).orElseThrow();
  }

  @Test
  void rendersAndMarksAsTransformersDoes() throws IOException {
    JsonNode goldens;
    try (InputStream in =
        ChatTemplateTest.class.getResourceAsStream("/chat-templates/goldens.json")) {
      goldens = new ObjectMapper().readTree(in);
    }
    assertThat(goldens.path("chats").size()).isEqualTo(60);
    assertThat(ChatGoldens.differences(goldens)).isEmpty();
  }

  @Test
  void hasTheTemplatesOfKnownModels() {
    assertThat(marked(builtIn("chatml"), CHAT))
        .isEqualTo(
            """
            <|im_start|>system
            Be brief.<|im_end|>
            <|im_start|>user
            Hi<|im_end|>
            <|im_start|>assistant
            [[Yo.<|im_end|>]]
            <|im_start|>user
            Why?<|im_end|>
            <|im_start|>assistant
            [[So.<|im_end|>]]
            """);
    assertThat(marked(builtIn("llama3"), CHAT.first(3)))
        .isEqualTo(
            """
            <s><|start_header_id|>system<|end_header_id|>

            Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>

            Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>

            [[Yo.<|eot_id|>]]""");
    assertThat(marked(builtIn("zephyr"), CHAT.first(3)))
        .isEqualTo(
            """
            <|system|>
            Be brief.</s>
            <|user|>
            Hi</s>
            <|assistant|>
            [[Yo.</s>]]
            """);
    assertThat(marked(builtIn("vicuna"), CHAT))
        .isEqualTo("Be brief. USER: Hi ASSISTANT:[[ Yo.</s>]]USER: Why? ASSISTANT:[[ So.</s>]]");
    assertThat(marked(builtIn("alpaca"), CHAT.first(3)))
        .isEqualTo(
            """
            Be brief.

            ### Instruction:
            Hi

            ### Response:
            [[Yo.</s>]]""");
    assertThat(marked(builtIn("plain"), CHAT)).isEqualTo("Be brief.Hi[[Yo.</s>]]Why?[[So.</s>]]");
    assertThat(ChatTemplate.builtIn("chatlm")).isEmpty();
  }

  @Test
  void findsAnswersInATemplateWithoutMarks() {
    for (String name : ChatTemplate.BUILT_IN) {
      ChatTemplate marks = builtIn(name);
      ChatTemplate unmarked =
          ChatTemplate.of("unmarked", marks.source().replaceAll("\\{%- (end)?generation -%}", ""));
      assertThat(unmarked.marksGeneration()).isFalse();
      assertThat(marked(unmarked, CHAT)).as(name).isEqualTo(marked(marks, CHAT));
      assertThat(marked(unmarked, CHAT.first(4))).as(name).isEqualTo(marked(marks, CHAT.first(4)));
    }
  }

  @Test
  void keepsTheWhiteSpaceThatEndsAnAnswer() {
    ChatTemplate template =
        ChatTemplate.of("t", "{% for m in messages %}{{ m.content }}\n\n{% endfor %}");
    assertThat(marked(template, Conversation.of(Message.user("a"), Message.assistant("b \n"))))
        .isEqualTo("a\n\n[[b \n]]\n\n");
  }

  @Test
  void refusesATemplateThatChangesEarlierTurns() {
    ChatTemplate template =
        ChatTemplate.of(
            "thinking.jinja",
            "{% for m in messages %}{{ m.content.split('</think>')[-1] if not loop.last else m.content }}|{% endfor %}");
    Conversation conversation =
        Conversation.of(
            Message.user("a"),
            Message.assistant("<think>b</think>c"),
            Message.user("d"),
            Message.assistant("e"));
    assertThat(marked(template, conversation.first(2))).isEqualTo("a|[[<think>b</think>c|]]");
    assertThatThrownBy(() -> marked(template, conversation))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "chat template thinking.jinja must only append text when messages are added, but turn 2 changes what was written before it, so what is trained is not known: mark the answers in it with {% generation %} and {% endgeneration %}");
  }

  @Test
  void saysWhichTemplateFailsWhereAndWhy() {
    assertThatThrownBy(() -> ChatTemplate.of("bad.jinja", "a\n{% if %}"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "chat template bad.jinja cannot be read at line 2: unexpected '%}'");
    ChatTemplate raises =
        ChatTemplate.of("strict", "\n{{ raise_exception('roles must alternate') }}");
    assertThatThrownBy(() -> marked(raises, CHAT))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("chat template strict fails at line 2: roles must alternate;");
  }

  @Test
  void acceptsThreeRoles() {
    assertThatThrownBy(() -> new Message("tool", "x"))
        .hasMessage("the role of a message must be system, user or assistant, got tool");
  }
}

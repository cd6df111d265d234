package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.Message;
import dev.firesteel.retrieval.DocumentIndex.Found;
import dev.firesteel.retrieval.Passage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RetrievalTest {
  private static final String PATH = "/v1/chat/completions";

  @TempDir private static Path folder;
  private static TestServer server;

  @BeforeAll
  static void start() throws Exception {
    for (String animal : List.of("fox", "owl", "hen", "cat", "dog", "bee")) {
      Files.writeString(
          folder.resolve(animal + ".txt"), "\nThe %s is an animal of its own.\n".formatted(animal));
    }
    server = new TestServer(TestServer.OPTIONS, folder);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static TestServer.Reply ask(String more) {
    return server.post(
        PATH,
        "{'model': 'chat-model', 'temperature': 0, 'max_tokens': 5, 'messages': [{'role': 'user',"
            + " 'content': 'What is an owl?'}]"
            + more
            + "}");
  }

  @Test
  void theAnswerNamesThePassagesThatItWasGiven() {
    JsonNode body = ask("").json();
    JsonNode citations = body.path("citations");
    assertThat(citations).hasSize(Library.MOST_PASSAGES);
    for (int i = 0; i < citations.size(); i++) {
      assertThat(citations.path(i).path("index").asInt()).isEqualTo(i + 1);
      assertThat(citations.path(i).path("source").asText()).endsWith(".txt");
    }
    // The only one with the word.
    assertThat(citations.findValuesAsText("source")).contains("owl.txt");
    JsonNode plain = ask(", 'retrieval': false").json();
    assertThat(plain.has("citations")).isFalse();
    assertThat(body.path("usage").path("prompt_tokens").asInt())
        .isGreaterThan(plain.path("usage").path("prompt_tokens").asInt() + 100);
    // What is asked for is what the passages' conversation gives.
    List<JsonNode> parts = ask(", 'stream': true").parts();
    assertThat(parts.get(0).path("citations")).isEqualTo(citations);
    assertThat(parts.subList(1, parts.size())).noneMatch(part -> part.has("citations"));
  }

  @Test
  void passagesThatLeaveNoRoomAreLeftOut() {
    String text = "owl ".repeat(1005);
    JsonNode body =
        server
            .post(
                PATH,
                "{'model': 'chat-model', 'max_tokens': 5, 'messages': [{'role': 'user', 'content':"
                    + " '"
                    + text
                    + "'}]}")
            .json();
    assertThat(body.path("citations")).as(body.toString()).isEmpty();
    assertThat(body.path("choices")).hasSize(1);
  }

  @Test
  void errorsStayErrors() {
    assertThat(
            server
                .post(
                    PATH, "{'model': 'base-model', 'messages': [{'role': 'user', 'content': 'x'}]}")
                .status())
        .isEqualTo(400);
    assertThat(
            server
                .post(
                    PATH,
                    "{'model': 'chat-model', 'messages': [{'role': 'user', 'content': ''}],"
                        + " 'max_tokens': 1}")
                .json()
                .path("citations"))
        .isEmpty();
  }

  @Test
  void passagesJoinTheSystemMessage() {
    List<Found> found =
        List.of(
            new Found(new Passage("a.md", 3, "\nFoxes dig.\n"), 1),
            new Found(new Passage("b.md", 1, "Owls fly."), 0.5));
    String text =
        """
        Answer from these passages, and cite them by number, as in [1].

        [1] a.md, line 3:
        Foxes dig.

        [2] b.md, line 1:
        Owls fly.
        """;
    Message question = Message.user("Who digs?");
    assertThat(Library.with(Conversation.of(question), found).messages())
        .containsExactly(Message.system(text), question);
    assertThat(
            Library.with(Conversation.of(Message.system("Be brief."), question), found).messages())
        .containsExactly(Message.system("Be brief.\n\n" + text), question);
  }
}

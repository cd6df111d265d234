package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.embeddings.CreateEmbeddingResponse;
import com.openai.models.embeddings.EmbeddingCreateParams;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The official client for Java, and LangChain4j, against a running server. */
class ClientsTest {
  private static final String KEY = "a-secret";

  private static TestServer server;
  private static OpenAIClient openAi;

  @BeforeAll
  static void start() {
    server = new TestServer(TestServer.options(0, Optional.of(KEY), Optional.empty(), 4, 8));
    openAi = client(KEY);
  }

  private static OpenAIClient client(String key) {
    return OpenAIOkHttpClient.builder()
        .apiKey(key)
        .baseUrl(server.server.url() + "/v1")
        .maxRetries(0)
        .build();
  }

  @AfterAll
  static void stop() {
    openAi.close();
    server.close();
  }

  private static ChatCompletionCreateParams.Builder hello() {
    return ChatCompletionCreateParams.builder()
        .model(TestServer.CHAT)
        .addSystemMessage("Be brief.")
        .addUserMessage("Hello")
        .maxCompletionTokens(12)
        .temperature(0);
  }

  @Test
  void theOfficialClientChats() {
    ChatCompletion answer =
        openAi.chat().completions().create(hello().logprobs(true).topLogprobs(3).n(2).build());
    answer.validate();
    assertThat(answer.choices()).hasSize(2);
    assertThat(answer.model()).isEqualTo(TestServer.CHAT);
    assertThat(answer.usage().orElseThrow().completionTokens()).isPositive();
    ChatCompletion.Choice choice = answer.choices().get(0);
    assertThat(choice.finishReason().toString()).isIn("length", "stop");
    assertThat(choice.logprobs().orElseThrow().content().orElseThrow())
        .allMatch(token -> token.topLogprobs().size() == 3);

    StringBuilder streamed = new StringBuilder();
    long tokens = 0;
    try (StreamResponse<ChatCompletionChunk> chunks =
        openAi
            .chat()
            .completions()
            .createStreaming(
                hello()
                    .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build())
                    .build())) {
      for (ChatCompletionChunk chunk : (Iterable<ChatCompletionChunk>) chunks.stream()::iterator) {
        chunk.validate();
        chunk.choices().forEach(each -> each.delta().content().ifPresent(streamed::append));
        tokens = chunk.usage().map(usage -> usage.totalTokens()).orElse(tokens);
      }
    }
    assertThat(streamed).hasToString(choice.message().content().orElseThrow());
    assertThat(tokens).isPositive();
  }

  @Test
  void theOfficialClientCompletesAndEmbedsAndLists() {
    Completion completion =
        openAi
            .completions()
            .create(
                CompletionCreateParams.builder()
                    .model(TestServer.BASE)
                    .prompt("Once")
                    .maxTokens(5)
                    .temperature(0)
                    .logprobs(2)
                    .echo(true)
                    .build());
    // Not validated: the first token of an echo has no probability, and is null as with OpenAI.
    assertThat(completion.choices().get(0).text()).startsWith("Once");
    assertThat(completion.choices().get(0).logprobs().orElseThrow().tokens().orElseThrow())
        .startsWith("O", "n", "c", "e");

    CreateEmbeddingResponse vectors =
        openAi
            .embeddings()
            .create(
                EmbeddingCreateParams.builder()
                    .model(TestServer.BASE)
                    .inputOfArrayOfStrings(List.of("a fox", "a vixen"))
                    .build());
    assertThat(vectors.data()).hasSize(2);
    assertThat(vectors.data().get(1).embedding()).hasSize(TestServer.WIDTH);
    assertThat(length(vectors.data().get(1).embedding())).isCloseTo(1, within(1e-5));

    assertThat(openAi.models().list().data())
        .extracting(model -> model.id())
        .containsExactly(TestServer.CHAT, TestServer.BASE);
    assertThat(openAi.models().retrieve(TestServer.CHAT).id()).isEqualTo(TestServer.CHAT);
  }

  private static double length(List<Float> vector) {
    return Math.sqrt(vector.stream().mapToDouble(each -> (double) each * each).sum());
  }

  @Test
  void theOfficialClientKnowsTheErrors() {
    assertThatThrownBy(() -> openAi.chat().completions().create(hello().model("unknown").build()))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("the model must be one of chat-model, base-model");
    assertThatThrownBy(
            () -> openAi.chat().completions().create(hello().model(TestServer.BASE).build()))
        .isInstanceOf(BadRequestException.class)
        .hasMessageContaining("use /v1/completions");
    OpenAIClient stranger = client("another");
    assertThatThrownBy(() -> stranger.models().list())
        .isInstanceOf(UnauthorizedException.class)
        .hasMessageContaining("got another one");
    stranger.close();
  }

  @Test
  void langChain4jChats() throws Exception {
    OpenAiChatModel model =
        OpenAiChatModel.builder()
            .baseUrl(server.server.url() + "/v1")
            .apiKey(KEY)
            .modelName(TestServer.CHAT)
            .temperature(0.0)
            .maxTokens(12)
            .seed(3)
            .stop(List.of("zzz"))
            .maxRetries(0)
            .build();
    List<dev.langchain4j.data.message.ChatMessage> messages =
        List.of(
            SystemMessage.from("Be brief."),
            UserMessage.from("Hello"),
            AiMessage.from("Hi."),
            UserMessage.from("Who are you?"));
    ChatResponse whole = model.chat(messages);
    assertThat(whole.aiMessage().text()).isNotNull();
    assertThat(whole.tokenUsage().outputTokenCount()).isBetween(1, 12);

    OpenAiStreamingChatModel streaming =
        OpenAiStreamingChatModel.builder()
            .baseUrl(server.server.url() + "/v1")
            .apiKey(KEY)
            .modelName(TestServer.CHAT)
            .temperature(0.0)
            .maxTokens(12)
            .build();
    List<String> parts = new ArrayList<>();
    CompletableFuture<ChatResponse> complete = new CompletableFuture<>();
    streaming.chat(
        messages,
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String part) {
            parts.add(part);
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            complete.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            complete.completeExceptionally(error);
          }
        });
    ChatResponse streamed = complete.get(20, TimeUnit.SECONDS);
    assertThat(streamed.aiMessage().text()).isEqualTo(whole.aiMessage().text());
    assertThat(String.join("", parts)).isEqualTo(whole.aiMessage().text());
    assertThat(streamed.tokenUsage().totalTokenCount())
        .isEqualTo(whole.tokenUsage().totalTokenCount());
  }

  @Test
  void langChain4jEmbeds() {
    OpenAiEmbeddingModel model =
        OpenAiEmbeddingModel.builder()
            .baseUrl(server.server.url() + "/v1")
            .apiKey(KEY)
            .modelName(TestServer.BASE)
            .maxRetries(0)
            .build();
    List<dev.langchain4j.data.embedding.Embedding> vectors =
        model.embedAll(List.of(TextSegment.from("a fox"), TextSegment.from("a vixen"))).content();
    assertThat(vectors).hasSize(2);
    assertThat(vectors.get(0).vectorAsList()).hasSize(TestServer.WIDTH);
    assertThat(length(vectors.get(0).vectorAsList())).isCloseTo(1, within(1e-5));
  }
}

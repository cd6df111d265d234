package dev.firesteel.rate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.error.UserException;
import dev.firesteel.example.EncodedRecord;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleEncoder;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.ExampleRules;
import dev.firesteel.example.ExampleType;
import dev.firesteel.example.PromptRecord;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RatingDeskTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-11-29T12:00:00.5Z"), ZoneOffset.UTC);
  private static final GenerationOptions SAMPLED =
      GenerationOptions.builder().temperature(0.8).topP(0.9).maxTokens(40).build();
  private static final List<String> MODELS = List.of("base", "tuned");

  @TempDir private Path folder;
  private Path out;

  /** Who was asked what. */
  private final List<String> asked = new ArrayList<>();

  private AnswerSource source =
      (prompt, draws) -> {
        draws.forEach(draw -> asked.add(draw.model() + draw.seed()));
        return CompletableFuture.completedFuture(
            draws.stream()
                .map(draw -> "%s says %d.".formatted(draw.model(), draw.seed()))
                .toList());
      };

  @BeforeEach
  void out() {
    out = folder.resolve("ratings.jsonl");
  }

  private static List<JsonNode> prompts(String... lines) throws IOException {
    List<JsonNode> records = new ArrayList<>();
    for (String line : lines) {
      records.add(JSON.readTree(line.replace('\'', '"')));
    }
    return records;
  }

  private RatingDesk desk(
      List<String> models, boolean conversations, Optional<String> system, String... lines)
      throws IOException {
    return new RatingDesk(
        models,
        conversations,
        system,
        SAMPLED,
        source,
        RatingFile.open(out),
        prompts(lines),
        CLOCK);
  }

  private RatingDesk desk(String... lines) throws IOException {
    return desk(MODELS, true, Optional.empty(), lines);
  }

  private static AnswerPair pair(RatingDesk desk) {
    return desk.pair(Optional.empty()).toCompletableFuture().join();
  }

  private static AnswerPair typed(RatingDesk desk, String text) {
    return desk.pair(Optional.of(text)).toCompletableFuture().join();
  }

  private List<JsonNode> written(Path file) throws IOException {
    List<JsonNode> records = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      records.add(JSON.readTree(line));
    }
    return records;
  }

  @Test
  void aVerdictIsAPreferenceWithWhereItComesFrom() throws IOException {
    RatingDesk desk = desk("{'prompt':'Hi'}", "{'prompt':'Bye'}");
    AnswerPair first = pair(desk);
    assertThat(first.prompt().shown()).isEqualTo("Hi");
    desk.judge(first.id(), Verdict.RIGHT, Optional.of("Ann"));

    AnswerPair.Side left = first.sides().get(0);
    AnswerPair.Side right = first.sides().get(1);
    assertThat(Set.of(left.draw().model(), right.draw().model()))
        .containsExactlyInAnyOrder("base", "tuned");
    assertThat(written(out))
        .containsExactly(
            JSON.readTree(
                """
                {"prompt":[{"role":"user","content":"Hi"}],
                 "chosen":[{"role":"assistant","content":"%s"}],"chosen_model":"%s","chosen_seed":%d,
                 "rejected":[{"role":"assistant","content":"%s"}],"rejected_model":"%s","rejected_seed":%d,
                 "chosen_side":"right",
                 "sampling":{"temperature":0.8,"top_p":0.9,"top_k":0,"min_p":0.0,"repetition_penalty":1.0,"max_tokens":40},
                 "rater":"Ann","rated_at":"2026-11-29T12:00:00Z"}
                """
                    .formatted(
                        right.text(),
                        right.draw().model(),
                        right.draw().seed(),
                        left.text(),
                        left.draw().model(),
                        left.draw().seed())));
    assertThat(desk.state())
        .isEqualTo(new RatingDesk.State(1, 0, 2, List.of("Bye"), out.toString()));
  }

  /** The point of it: reward models and DPO read the file as it is. */
  @Test
  void theFileTrains() throws IOException {
    RatingDesk desk = desk(MODELS, true, Optional.of("Be kind."));
    for (int i = 0; i < 6; i++) {
      AnswerPair pair = typed(desk, "Question " + i);
      desk.judge(pair.id(), i % 2 == 0 ? Verdict.LEFT : Verdict.RIGHT, Optional.of("Ann"));
    }
    Tokenizer tokenizer = BpeTokenizer.bytes();
    ExampleEncoder encoder =
        new ExampleEncoder(
            new ExampleRules(
                ExampleKind.PREFERENCE,
                ExampleType.AUTO,
                List.of(),
                false,
                ExampleRules.TrainOn.ANSWERS,
                500,
                ExampleRules.Truncation.DROP),
            ChatTokens.of(ChatTemplate.builtIn("chatml").orElseThrow(), tokenizer));
    for (JsonNode record : written(out)) {
      EncodedRecord encoded = encoder.encode(record);
      assertThat(encoded).isInstanceOf(EncodedRecord.Accepted.class);
      Example example = ((EncodedRecord.Accepted) encoded).example();
      assertThat(example.documents()).hasSize(2);
      assertThat(tokenizer.decode(example.documents().get(0).tokens()))
          .startsWith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nQuestion ")
          .contains(record.at("/chosen/0/content").asText());
      assertThat(tokenizer.decode(example.documents().get(1).tokens()))
          .contains(record.at("/rejected/0/content").asText());
      assertThat(example.fields().path("rater").asText()).isEqualTo("Ann");
    }
  }

  @Test
  void textsOfBaseModelsStayAsTheyAre() throws IOException {
    source = (prompt, draws) -> CompletableFuture.completedFuture(List.of(" one", " two"));
    RatingDesk desk = desk(List.of("base"), false, Optional.empty(), "{'prompt':'Once'}");
    desk.judge(pair(desk).id(), Verdict.LEFT, Optional.empty());
    JsonNode record = written(out).get(0);
    assertThat(record.path("prompt").asText()).isEqualTo("Once");
    assertThat(record.path("chosen").asText()).isEqualTo(" one");
    assertThat(record.path("rejected").asText()).isEqualTo(" two");
    assertThat(record.has("rater")).isFalse();
  }

  @Test
  void tiesAndSkippedPairsAreNoPreferences() throws IOException {
    RatingDesk desk = desk("{'prompt':'a'}", "{'prompt':'b'}", "{'prompt':'c'}");
    desk.judge(pair(desk).id(), Verdict.TIE, Optional.empty());
    desk.judge(pair(desk).id(), Verdict.SKIP, Optional.empty());
    assertThat(out).isEmptyFile();
    List<JsonNode> undecided = written(folder.resolve("ratings.undecided.jsonl"));
    assertThat(undecided)
        .extracting(record -> record.path("verdict").asText())
        .containsExactly("tie", "skip");
    assertThat(undecided.get(0).has("chosen")).isFalse();
    assertThat(undecided.get(0).path("left_model").asText()).isNotEmpty();
    assertThat(desk.state().remaining()).containsExactly("c");
  }

  @Test
  void aSecondSessionContinuesTheFirst() throws IOException {
    String[] lines = {
      "{'prompt':'a'}", "{'prompt':'b'}", "{'messages':[{'role':'user','content':'c'}]}"
    };
    RatingDesk first = desk(lines);
    first.judge(pair(first).id(), Verdict.LEFT, Optional.empty());
    first.judge(pair(first).id(), Verdict.TIE, Optional.empty());
    byte[] before = Files.readAllBytes(out);

    RatingDesk second = desk(lines);
    assertThat(second.state())
        .isEqualTo(new RatingDesk.State(1, 1, 3, List.of("c"), out.toString()));
    second.judge(pair(second).id(), Verdict.LEFT, Optional.empty());
    assertThat(Files.readAllBytes(out)).startsWith(before);
    // No answer is drawn twice.
    assertThat(new HashSet<>(asked)).hasSize(6);
    assertThatThrownBy(() -> pair(second))
        .hasMessage("no prompt remains to be rated: type one, or add to the file");
  }

  @Test
  void severalRatersGetDifferentPrompts() throws IOException {
    RatingDesk desk = desk("{'prompt':'a'}", "{'prompt':'b'}");
    assertThat(pair(desk).prompt().shown()).isEqualTo("a");
    assertThat(pair(desk).prompt().shown()).isEqualTo("b");
    // All are looked at: the first once more.
    assertThat(pair(desk).prompt().shown()).isEqualTo("a");
  }

  @Test
  void sidesAreShuffled() throws IOException {
    RatingDesk desk = desk();
    int left = 0;
    for (int i = 0; i < 200; i++) {
      left += typed(desk, "x").sides().get(0).draw().model().equals("base") ? 1 : 0;
    }
    // 100 on average with a standard deviation of 7.
    assertThat(left).isBetween(70, 130);
  }

  @Test
  void answersThatCannotBeComparedAreDrawnAgain() throws IOException {
    source =
        (prompt, draws) -> {
          draws.forEach(draw -> asked.add(draw.model()));
          return CompletableFuture.completedFuture(
              asked.size() < 6 ? List.of("same", " same") : List.of("one", "two"));
        };
    assertThat(typed(desk(), "x").isComparable()).isTrue();
    assertThat(asked).hasSize(6);

    source = (prompt, draws) -> CompletableFuture.completedFuture(List.of("one", " "));
    RatingDesk desk = desk();
    AnswerPair pair = typed(desk, "x");
    assertThat(pair.isComparable()).isFalse();
    assertThatThrownBy(() -> desk.judge(pair.id(), Verdict.LEFT, Optional.empty()))
        .hasMessage(
            "the better answer must have text and differ from the other, and these do not: call them a tie, or skip them");
    desk.judge(pair.id(), Verdict.SKIP, Optional.empty());
    assertThatThrownBy(() -> desk.judge(pair.id(), Verdict.SKIP, Optional.empty()))
        .hasMessage(
            "a verdict must be on a pair that was handed out and not judged yet, got pair %s: ask for another"
                .formatted(pair.id()));
  }

  @Test
  void aFailedAnswerIsAFailedPair() throws IOException {
    source = (prompt, draws) -> CompletableFuture.failedFuture(new IllegalStateException("full"));
    RatingDesk desk = desk();
    assertThatThrownBy(() -> typed(desk, "x")).hasRootCauseMessage("full");
  }

  @Test
  void refusesWhatCannotBeRated() throws IOException {
    assertThatThrownBy(() -> desk(List.of(), true, Optional.empty()))
        .isInstanceOf(UserException.class)
        .hasMessage("one or two models are rated, got 0: name one or two");
    assertThatThrownBy(
            () ->
                new RatingDesk(
                    List.of("base"),
                    true,
                    Optional.empty(),
                    GenerationOptions.builder().build(),
                    source,
                    RatingFile.open(out),
                    List.of(),
                    CLOCK))
        .hasMessage(
            "two answers of one model need a temperature above 0, got 0, which gives the same answer twice: give --temperature 0.8, or a second model");
    assertThatThrownBy(() -> desk("{'prompt':'a'}", "{'text':'b'}"))
        .hasMessage("prompt 2: the record must have the field prompt, got text");
    assertThatThrownBy(() -> typed(desk(), "  ")).hasMessage("prompt must have text, got none");
    assertThatThrownBy(
            () ->
                desk(
                    MODELS,
                    false,
                    Optional.empty(),
                    "{'messages':[{'role':'user','content':'c'}]}"))
        .hasMessage(
            "prompt 1: a prompt of turns needs a model with a chat template, and there is none: give the prompt as a string, or the model a template (--template chatml)");
    Files.writeString(out, "{\"prompt\":\"a\"}\n{\"prom");
    assertThatThrownBy(() -> RatingFile.open(out))
        .hasMessage(
            "line 2 of %s must be JSON, and is not: correct the line, or remove it".formatted(out));
    assertThat(Files.readString(out)).endsWith("{\"prom");
    assertThatThrownBy(() -> RatingFile.prompts(folder.resolve("none.jsonl")))
        .hasMessage(
            "the prompts %s must be a JSONL file with at least one line, got none: correct the name"
                .formatted(folder.resolve("none.jsonl")));
    assertThatThrownBy(() -> Verdict.of("best"))
        .hasMessage("a verdict must be left, right, tie or skip, got best: send one of them");
  }

  @Test
  void aPromptOfTurnsEndsWithTheUser() throws IOException {
    PromptRecord prompt =
        PromptRecord.read(prompts("{'prompt':'\\n\\nHuman: Hi\\n\\nAssistant:'}").get(0), true);
    assertThat(prompt.shown()).isEqualTo("Hi");
    assertThatThrownBy(
            () ->
                PromptRecord.read(
                    prompts("{'messages':[{'role':'assistant','content':'c'}]}").get(0), true))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "messages must end with a turn of the user, which the model answers, got one of the assistant");
  }
}
